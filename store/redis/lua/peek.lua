-- KEYS: queue.  ARGV: again, n.  The due times of the first n entries that are due by this server's clock.
local heads = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', clock(), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local due = {}
for i = 2, #heads, 2 do due[#due + 1] = heads[i] end
return due
