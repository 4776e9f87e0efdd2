-- KEYS: 1 queue, 2 jobs, 3 due, 4 what an earlier attempt of this call did.  ARGV: repeated, n, name of the queue.
-- Makes the first n jobs that wait due now. Returns how many there were, and how many stood there for later before,
-- leased ones included.
local did = call('GET', KEYS[4])
if did then return { tonumber(did), 0 } end
local before = call('ZCOUNT', KEYS[1], '(' .. NOW, '+inf')
local found = waiting(KEYS[1], KEYS[2], tonumber(ARGV[2]))
for i = 1, #found, 2 do call('ZADD', KEYS[1], NOW, found[i]) end
call('SET', KEYS[4], #found / 2, 'PX', '10000')
note_queue(KEYS[3], KEYS[1], ARGV[3])
return { #found / 2, before }
