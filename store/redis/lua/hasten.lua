-- KEYS: queue, tries, what an attempt of this call did.  ARGV: again, n.
-- Makes the first n that wait due now; returns how many there were.
local did = redis.call('GET', KEYS[3])
if did then return tonumber(did) end
local now = clock()
local found = waiting(KEYS[1], KEYS[2], now, tonumber(ARGV[2]))
for _, entry in ipairs(found) do redis.call('ZADD', KEYS[1], 'XX', now, entry.member) end
redis.call('SET', KEYS[3], #found, 'PX', RECENT)
return #found
