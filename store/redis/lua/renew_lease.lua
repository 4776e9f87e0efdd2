-- KEYS: 1 jobs, 2 due, 3 queue.  ARGV: repeated, id, attempts, name of the queue, ms.
-- Returns 1: the lease lasts; 0: it is lost.
local job = call('HGET', KEYS[1], ARGV[2])
if not job or job_state(job) ~= 'l' or job_attempts(job) ~= tonumber(ARGV[3]) or job_queue(job) ~= ARGV[4] then
  return 0
end
call('ZADD', KEYS[3], NOW + ARGV[5], ARGV[2])
note_queue(KEYS[2], KEYS[3], ARGV[4])
return 1
