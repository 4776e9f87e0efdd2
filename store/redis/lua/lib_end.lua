-- end_lease ends the lease of one job and reports whether it did. The keys of the job's queue begin at KEYS[k]: queue,
-- attempts, bodies, failed; if it moves, those of the other queue follow. moved is the key of all jobs that have moved
-- and are not complete.
-- attempts holds the number of leases: above zero while leased, below zero after the job was put back.
-- repeated says that an earlier attempt may have done it already, its reply lost.
local function end_lease(moved, k, repeated, outcome, member, id, attempts, at)
  local has = redis.call('HGET', KEYS[k + 1], id)
  local queued = redis.call('ZSCORE', KEYS[k], member)
  if has ~= attempts or not queued then
    if repeated ~= '1' then return false end
    if outcome == 'retry' then return queued and has == '-' .. attempts end
    if outcome == 'move' then
      return redis.call('ZSCORE', KEYS[k + 4], member) and redis.call('HGET', KEYS[k + 5], id) == '-' .. attempts
    end
    local failed = redis.call('ZSCORE', KEYS[k + 3], member)
    if outcome == 'fail' then return failed end
    return not queued and not failed and redis.call('SISMEMBER', moved, member) == 0
  end
  if at == '' then at = clock() end
  if outcome == 'retry' then
    redis.call('ZADD', KEYS[k], 'XX', at, member)
    redis.call('HSET', KEYS[k + 1], id, '-' .. attempts)
    return true
  end
  redis.call('ZREM', KEYS[k], member)
  if outcome == 'fail' then -- its attempts stay, for Failed; without a place in the queue no lease holds
    local t = redis.call('TIME')
    redis.call('ZADD', KEYS[k + 3], string.format('%.3f', t[1] * 1000 + t[2] / 1000), member)
    return true
  end
  if outcome == 'move' then
    -- What stands there already, queued or failed, is the same job enqueued twice, and stays as it is.
    if not redis.call('ZSCORE', KEYS[k + 7], member) and redis.call('ZADD', KEYS[k + 4], 'NX', at, member) == 1 then
      local body = redis.call('HGET', KEYS[k + 2], id)
      redis.call('HSET', KEYS[k + 5], id, '-' .. attempts)
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
