-- KEYS: queue, attempts.  ARGV: repeated, n.
-- Returns how many jobs stand there for later, leased ones included, then the due times of the first n that wait.
local now = clock()
local out = { redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf') }
for _, job in ipairs(waiting(KEYS[1], KEYS[2], now, tonumber(ARGV[2]))) do out[#out + 1] = job.due end
return out
