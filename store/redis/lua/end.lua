-- KEYS: moved, then queue, attempts, bodies, failed of the job's queue and, if it moves, of the other.
-- ARGV: repeated, outcome, member, id, attempts, at.  Returns 1: the lease has ended; 0: it is lost.
if end_lease(KEYS[1], 2, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]) then return 1 end
return 0
