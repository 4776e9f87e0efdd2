-- KEYS: 1 jobs, 2 due, 3 queue, 4 failed, 5 the other queue if it moves.
-- ARGV: repeated, outcome, id, attempts, name of the queue, at, name of the other queue or ''.
-- Returns 1: the lease has ended; 0: it is lost.
local keys = { jobs = KEYS[1], due = KEYS[2], queue = KEYS[3], failed = KEYS[4], other = KEYS[5] }
local e = { outcome = ARGV[2], id = ARGV[3], attempts = tonumber(ARGV[4]), queue = ARGV[5], at = ARGV[6],
  other = ARGV[7] }
local has_ended = end_lease(keys, ARGV[1] == '1', e)
write_queues(keys.jobs)
return has_ended and 1 or 0
