-- waiting returns up to n jobs that wait for a later time, soonest first: id, due of each. Among them stand those that
-- are leased, until their lease is over: no more of them than workers have in progress.
local function waiting(queue, jobs, n)
  local found, skip, step = {}, 0, math.max(n, 100)
  repeat
    local got = call('ZRANGEBYSCORE', queue, '(' .. NOW, '+inf', 'WITHSCORES', 'LIMIT', skip, step)
    for i = 1, #got, 2 do
      if #found < 2 * n and job_state(call('HGET', jobs, got[i]) or '') ~= 'l' then
        found[#found + 1] = got[i]
        found[#found + 1] = got[i + 1]
      end
    end
    skip = skip + step
  until #got < 2 * step or #found == 2 * n
  return found
end

