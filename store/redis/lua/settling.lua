-- settle ends the lease of one entry; its lane's keys begin at KEYS[k]: queue, tries, bodies, parked.
-- tries holds the number of leases: above zero while leased, below zero once it was put back.
-- again says that an earlier attempt may have done it already, its reply lost.
local function settle(k, again, verdict, member, id, tries, at)
  local has = redis.call('HGET', KEYS[k + 1], id)
  local queued = redis.call('ZSCORE', KEYS[k], member)
  if has ~= tries or not queued then
    if again ~= '1' then return false end
    if verdict == 'again' then return queued and has == '-' .. tries end
    local parked = redis.call('ZSCORE', KEYS[k + 3], member)
    if verdict == 'dead' then return parked end
    return not queued and not parked
  end
  if verdict == 'again' then
    if at == '' then at = clock() end
    redis.call('ZADD', KEYS[k], 'XX', at, member)
    redis.call('HSET', KEYS[k + 1], id, '-' .. tries)
    return true
  end
  redis.call('ZREM', KEYS[k], member)
  if verdict == 'dead' then -- its tries stay: to be told, no lease holds without a place in the queue
    local t = redis.call('TIME')
    redis.call('ZADD', KEYS[k + 3], string.format('%.3f', t[1] * 1000 + t[2] / 1000), member)
  else
    redis.call('HDEL', KEYS[k + 1], id)
    redis.call('HDEL', KEYS[k + 2], id)
  end
  return true
end
