-- The jobs of a shard are one hash, whatever their queues: job id -> job, laid out like this (queue.go reads the same):
--   1 state | 2-5 times leased | 6 '1' if it has reserved | 7 length of the queue | queue
--   then, as the store's process packed it: length of the site | site | length of the record's id | its id | body
-- States: n new, l leased, w put back, f failed, r requeued and not leased since. A queue is a sorted set of job ids by
-- when they are due or their lease ends, ms; due holds the first of these for each queue.
local function job_state(job) return string.sub(job, 1, 1) end
local function job_attempts(job) return (struct.unpack('>I4', job, 2)) end
local function job_queue(job) return string.sub(job, 8, 7 + string.byte(job, 7)) end

-- is_whole_job reports whether a job of a queue is laid out like this. One that is not was damaged.
local function is_whole_job(job, name)
  if not job or #job < 7 or job_queue(job) ~= name then return false end
  local at = 8 + #name
  for _ = 1, 2 do
    at = at + 1 + (string.byte(job, at) or #job)
  end
  return at <= #job + 1
end

-- job_as returns a job with another state and number of attempts.
local function job_as(job, state, attempts)
  return state .. struct.pack('>I4', attempts) .. string.sub(job, 6)
end

-- note_queue writes down when the first job of a queue is due.
local function note_queue(due, queue, name)
  local first = call('ZRANGE', queue, '0', '0', 'WITHSCORES')[2]
  if first then call('ZADD', due, first, name) else call('ZREM', due, name) end
end

-- put_job adds a job to a queue, or makes it due at another time.
local function put_job(due, queue, name, id, at)
  call('ZADD', queue, at, id)
  call('ZADD', due, 'LT', at, name)
end

local function put_failed(failed, id)
  call('ZADD', failed, string.format('%.3f', TIME[1] * 1000 + TIME[2] / 1000), id)
end

-- end_lease ends the lease of one job and reports whether it did. repeated says that an earlier attempt may have done
-- it already, its reply lost. e: outcome, id, attempts, name of the queue, at, name of the queue to which it moves.
-- keys: jobs, due, queue, failed, and the other queue if it moves.
local function end_lease(keys, repeated, e)
  local job = call('HGET', keys.jobs, e.id)
  local state = job and job_state(job)
  local same = job and job_attempts(job) == e.attempts
  if not job or state ~= 'l' or not same or job_queue(job) ~= e.queue then
    if not repeated then return false end
    if not job then return e.outcome == 'complete' end
    if e.outcome == 'retry' then return same and state == 'w' and job_queue(job) == e.queue end
    if e.outcome == 'move' then return same and state == 'w' and job_queue(job) == e.other end
    return e.outcome == 'fail' and same and state == 'f' and job_queue(job) == e.queue
  end
  local at = e.at
  if at == '' then at = NOW end
  if e.outcome == 'retry' then
    call('HSET', keys.jobs, e.id, job_as(job, 'w', e.attempts))
    call('ZADD', keys.queue, at, e.id)
  else
    call('ZREM', keys.queue, e.id)
  end
  if e.outcome == 'complete' then
    call('HDEL', keys.jobs, e.id)
  elseif e.outcome == 'fail' then
    call('HSET', keys.jobs, e.id, job_as(job, 'f', e.attempts))
    put_failed(keys.failed, e.id)
  elseif e.outcome == 'move' then
    local tail = string.sub(job, 8 + #e.queue)
    call('HSET', keys.jobs, e.id, 'w' .. string.sub(job, 2, 6) .. string.char(#e.other) .. e.other .. tail)
    put_job(keys.due, keys.other, e.other, e.id, at)
  end
  note_queue(keys.due, keys.queue, e.queue)
  return true
end

