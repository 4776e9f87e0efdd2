-- KEYS: keys.  ARGV: repeated, then the type of each.
-- Returns the number of the first key that has another type, and that type; false: each has its own, or is not there.
for i, key in ipairs(KEYS) do
  local is = redis.call('TYPE', key).ok
  if is ~= 'none' and is ~= ARGV[i + 1] then return { i, is } end
end
return false
