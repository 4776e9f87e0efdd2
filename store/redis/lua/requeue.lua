-- KEYS: queue, attempts, failed.  ARGV: repeated, member, id.  Returns 1: it is due; 0: it has not failed.
if redis.call('ZREM', KEYS[3], ARGV[2]) == 0 then
  -- '-0' stands only where an attempt, perhaps another caller's, has requeued it, and nobody has leased it since.
  if ARGV[1] == '1' and redis.call('HGET', KEYS[2], ARGV[3]) == '-0' then return 1 end
  return 0
end
redis.call('HSET', KEYS[2], ARGV[3], '-0')
redis.call('ZADD', KEYS[1], clock(), ARGV[2])
return 1
