-- KEYS: the days of a site.  ARGV: repeated, from, to, what the keys of its days' counts begin with.
-- Returns day, name, n for each count. (The counts share the slot, though they are not in KEYS.)
local out = {}
for _, day in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[2], '[' .. ARGV[3])) do
  local counts = redis.call('HGETALL', ARGV[4] .. day)
  for i = 1, #counts, 2 do
    out[#out + 1] = day
    out[#out + 1] = counts[i]
    out[#out + 1] = counts[i + 1]
  end
  if #counts == 0 then redis.call('ZREM', KEYS[1], day) end -- they have expired
end
return out
