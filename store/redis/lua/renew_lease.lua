-- KEYS: queue, attempts.  ARGV: repeated, member, id, attempts, ms.  Returns 1: the lease lasts; 0: it is lost.
if redis.call('HGET', KEYS[2], ARGV[3]) ~= ARGV[4] or not redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', clock() + ARGV[5], ARGV[2])
return 1
