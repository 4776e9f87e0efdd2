-- KEYS: queue, tries, bodies.  ARGV: again, n, hold in ms.  For each entry leased: member, due, tries, body or ''
local now = clock()
local heads = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local leased = {}
for i = 1, #heads, 2 do
  local member = heads[i]
  local id = string.match(member, '^[^|]*')
  local tries = math.abs(tonumber(redis.call('HGET', KEYS[2], id) or 0)) + 1
  redis.call('HSET', KEYS[2], id, tries)
  redis.call('ZADD', KEYS[1], 'XX', now + ARGV[3], member)
  leased[#leased + 1] = member
  leased[#leased + 1] = heads[i + 1]
  leased[#leased + 1] = tries
  leased[#leased + 1] = redis.call('HGET', KEYS[3], id) or ''
end
return leased
