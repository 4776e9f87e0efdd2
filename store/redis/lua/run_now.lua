-- KEYS: queue, attempts, what an earlier attempt of this call did.  ARGV: repeated, n.
-- Makes the first n jobs that wait due now. Returns how many there were.
local did = redis.call('GET', KEYS[3])
if did then return tonumber(did) end
local now = clock()
local found = waiting(KEYS[1], KEYS[2], now, tonumber(ARGV[2]))
for _, job in ipairs(found) do redis.call('ZADD', KEYS[1], 'XX', now, job.member) end
redis.call('SET', KEYS[3], #found, 'PX', RECENT)
return #found
