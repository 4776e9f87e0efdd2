-- KEYS: queue.  ARGV: repeated, n.  Returns the due times of the first n jobs that are due by this server's clock.
local first = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', clock(), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local due = {}
for i = 2, #first, 2 do due[#due + 1] = first[i] end
return due
