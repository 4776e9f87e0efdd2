-- KEYS: counters of blocks of time.  ARGV: repeated.  Returns the number of the block, field, n for each count.
local out = {}
for i, key in ipairs(KEYS) do
  local all = call('HGETALL', key)
  for j = 1, #all, 2 do
    out[#out + 1] = i
    out[#out + 1] = all[j]
    out[#out + 1] = all[j + 1]
  end
end
return out
