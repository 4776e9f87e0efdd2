-- KEYS: queue, attempts, bodies.  ARGV: repeated, n, ms.
-- Leases the first n jobs that are due. Returns for each: member, due, attempts, body or ''.
local now = clock()
local first = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local leased = {}
for i = 1, #first, 2 do
  local member = first[i]
  local id = string.match(member, '^[^|]*')
  local attempts = math.abs(tonumber(redis.call('HGET', KEYS[2], id) or 0)) + 1
  redis.call('HSET', KEYS[2], id, attempts)
  redis.call('ZADD', KEYS[1], 'XX', now + ARGV[3], member)
  leased[#leased + 1] = member
  leased[#leased + 1] = first[i + 1]
  leased[#leased + 1] = attempts
  leased[#leased + 1] = redis.call('HGET', KEYS[3], id) or ''
end
return leased
