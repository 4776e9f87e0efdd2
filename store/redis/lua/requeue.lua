-- KEYS: 1 jobs, 2 due, 3 queue, 4 failed.  ARGV: repeated, id, name of the queue, the record's site and id as packed.
-- Returns 1: it is due; 0: it has not failed.
local id, name = ARGV[2], ARGV[3]
local job = call('HGET', KEYS[1], id)
if not is_whole_job(job, name) then return 0 end
local of = string.sub(job, 8 + #name, 7 + #name + #ARGV[4])
if of ~= ARGV[4] then return 0 end
-- 'r' stands only where an attempt, perhaps another caller's, has requeued it, and nobody has leased it since.
if job_state(job) ~= 'f' then return ARGV[1] == '1' and job_state(job) == 'r' and 1 or 0 end
take_failed(KEYS[4], id)
set_job(id, job_as(job, 'r', 0))
put_job(KEYS[2], KEYS[3], name, id, NOW)
write_queues(KEYS[1])
return 1
