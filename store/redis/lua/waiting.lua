-- KEYS: 1 queue, 2 jobs.  ARGV: repeated, n.
-- Returns how many jobs stand there for later, leased ones included, then the due times of the first n that wait.
local out = { call('ZCOUNT', KEYS[1], '(' .. NOW, '+inf') }
local found = waiting(KEYS[1], KEYS[2], tonumber(ARGV[2]))
for i = 2, #found, 2 do out[#out + 1] = found[i] end
return out
