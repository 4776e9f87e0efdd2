-- waiting returns up to n jobs that wait for a later time, soonest first. Among them stand those that are leased, until
-- their lease is over: no more of them than workers have in progress.
local function waiting(queue, attempts, now, n)
  local found, off, step = {}, 0, math.max(n, 100)
  repeat
    local got = redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', off, step)
    for i = 1, #got, 2 do
      local has = redis.call('HGET', attempts, string.match(got[i], '^[^|]*'))
      if not has or string.sub(has, 1, 1) == '-' then
        found[#found + 1] = { member = got[i], due = got[i + 1] }
        if #found == n then return found end
      end
    end
    off = off + step
  until #got < 2 * step
  return found
end

