-- KEYS: 1 jobs, 2 due, 3 queue, 4 failed.  ARGV: repeated, n, ms, name of the queue.
-- Leases the first n jobs that are due. Returns for each: id, due, job. A damaged job has failed, so that it does not
-- come again and again before the others.
local first = call('ZRANGEBYSCORE', KEYS[3], '-inf', NOW, 'WITHSCORES', 'LIMIT', '0', ARGV[2])
local ids, leased = {}, {}
for i = 1, #first, 2 do ids[#ids + 1] = first[i] end
read_jobs(KEYS[1], ids)
for i, id in ipairs(ids) do
  local job = job_of(KEYS[1], id)
  if is_whole_job(job, ARGV[4]) then
    job = job_as(job, 'l', job_attempts(job) + 1)
    set_job(id, job)
    put_job(KEYS[2], KEYS[3], ARGV[4], id, NOW + ARGV[3])
    leased[#leased + 1] = id
    leased[#leased + 1] = first[2 * i]
    leased[#leased + 1] = job
  else
    put_failed(KEYS[4], id)
    take_job(KEYS[2], KEYS[3], ARGV[4], id)
  end
end
if #first > 0 then queue_of(KEYS[2], KEYS[3], ARGV[4]).look = true end
write_queues(KEYS[1])
return leased
