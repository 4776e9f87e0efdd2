-- KEYS: 1 index of a state.  ARGV: repeated, n.
-- Returns how many entries the index has, looking at no more chunks than n of them need.
local bytes, at = 0, 0
repeat
  local chunks = call('ZRANGE', KEYS[1], at, at + 999)
  for _, chunk in ipairs(chunks) do bytes = bytes + #chunk end
  at = at + 1000
until #chunks < 1000 or bytes >= 23 * ARGV[2]
return bytes / 23
