-- KEYS: moved, then queue, tries, bodies, parked of its lane and, if it moves, of the other.
-- ARGV: again, verdict, member, id, tries, at.  1: settled; 0: the lease is lost
if settle(KEYS[1], 2, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]) then return 1 end
return 0
