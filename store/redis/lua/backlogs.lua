-- KEYS: of each queue the queue, then its failed jobs.  ARGV: repeated.
-- Returns of each queue how many jobs stand there, how many have failed, and for how many ms the first has been due.
local out = {}
for i = 1, #KEYS, 2 do
  local first = call('ZRANGE', KEYS[i], '0', '0', 'WITHSCORES')[2]
  out[#out + 1] = call('ZCARD', KEYS[i])
  out[#out + 1] = call('ZCARD', KEYS[i + 1])
  out[#out + 1] = first and math.max(0, NOW - tonumber(first)) or 0
end
return out
