-- KEYS: queue, tries.  ARGV: again, n.
-- Returns how many stand there for later, leased ones included, then the due times of the first n that wait.
local now = clock()
local out = { redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf') }
for _, entry in ipairs(waiting(KEYS[1], KEYS[2], now, tonumber(ARGV[2]))) do out[#out + 1] = entry.due end
return out
