-- KEYS: 1 jobs, 2 due, 3 queue.  ARGV: repeated, id, name of the queue, the record's site and id as packed.
-- Returns 1: it is due; 0: it does not wait.
local id, name = ARGV[2], ARGV[3]
local job = call('HGET', KEYS[1], id)
if not is_whole_job(job, name) then return 0 end
if string.sub(job, 8 + #name, 7 + #name + #ARGV[4]) ~= ARGV[4] then return 0 end
-- An attempt whose reply was lost may have made it due, and somebody has leased it since.
if job_state(job) == 'l' then return ARGV[1] == '1' and 1 or 0 end
local at = call('ZSCORE', KEYS[3], id)
if not at then return 0 end
if tonumber(at) > tonumber(NOW) then put_job(KEYS[2], KEYS[3], name, id, NOW) end
write_queues(KEYS[1])
return 1
