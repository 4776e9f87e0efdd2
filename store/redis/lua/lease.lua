-- KEYS: 1 jobs, 2 due, 3 queue, 4 failed.  ARGV: repeated, n, ms, name of the queue.
-- Leases the first n jobs that are due. Returns for each: id, due, job. A damaged job has failed, so that it does not
-- come again and again before the others.
local first = call('ZRANGEBYSCORE', KEYS[3], '-inf', NOW, 'WITHSCORES', 'LIMIT', '0', ARGV[2])
local leased = {}
for i = 1, #first, 2 do
  local id = first[i]
  local job = call('HGET', KEYS[1], id)
  if is_whole_job(job, ARGV[4]) then
    job = job_as(job, 'l', job_attempts(job) + 1)
    call('HSET', KEYS[1], id, job)
    call('ZADD', KEYS[3], NOW + ARGV[3], id)
    leased[#leased + 1] = id
    leased[#leased + 1] = first[i + 1]
    leased[#leased + 1] = job
  else
    call('ZREM', KEYS[3], id)
    put_failed(KEYS[4], id)
  end
end
if #first > 0 then note_queue(KEYS[2], KEYS[3], ARGV[4]) end
return leased
