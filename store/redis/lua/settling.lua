-- settle ends the lease of one entry; its lane's keys begin at KEYS[k]: queue, tries, bodies, parked. Those of the lane that it
-- moves to follow. moved is the key of all that have moved and are not done.
-- tries holds the number of leases: above zero while leased, below zero once it was put back.
-- again says that an earlier attempt may have done it already, its reply lost.
local function settle(moved, k, again, verdict, member, id, tries, at)
  local has = redis.call('HGET', KEYS[k + 1], id)
  local queued = redis.call('ZSCORE', KEYS[k], member)
  if has ~= tries or not queued then
    if again ~= '1' then return false end
    if verdict == 'again' then return queued and has == '-' .. tries end
    if verdict == 'move' then
      return redis.call('ZSCORE', KEYS[k + 4], member) and redis.call('HGET', KEYS[k + 5], id) == '-' .. tries
    end
    local parked = redis.call('ZSCORE', KEYS[k + 3], member)
    if verdict == 'dead' then return parked end
    return not queued and not parked and redis.call('SISMEMBER', moved, member) == 0
  end
  if at == '' then at = clock() end
  if verdict == 'again' then
    redis.call('ZADD', KEYS[k], 'XX', at, member)
    redis.call('HSET', KEYS[k + 1], id, '-' .. tries)
    return true
  end
  redis.call('ZREM', KEYS[k], member)
  if verdict == 'dead' then -- its tries stay: to be told, no lease holds without a place in the queue
    local t = redis.call('TIME')
    redis.call('ZADD', KEYS[k + 3], string.format('%.3f', t[1] * 1000 + t[2] / 1000), member)
    return true
  end
  if verdict == 'move' then
    -- What stands there already, queued or parked, is the same entry owed twice, and stays as it is.
    if not redis.call('ZSCORE', KEYS[k + 7], member) and redis.call('ZADD', KEYS[k + 4], 'NX', at, member) == 1 then
      local body = redis.call('HGET', KEYS[k + 2], id)
      redis.call('HSET', KEYS[k + 5], id, '-' .. tries)
      if body then redis.call('HSET', KEYS[k + 6], id, body) end
    end
    redis.call('SADD', moved, member)
  else
    redis.call('SREM', moved, member)
  end
  redis.call('HDEL', KEYS[k + 1], id)
  redis.call('HDEL', KEYS[k + 2], id)
  return true
end
