-- KEYS: failed, attempts, bodies.
-- ARGV: repeated, n, when it failed and member of the job to continue after ('' and '': all).
-- Returns for up to n jobs, in the order in which they failed: member, when it failed, attempts, body or ''.
local n, score, member = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local out, off, min = {}, 0, score
if min == '' then min = '-inf' end
repeat
  local got = redis.call('ZRANGEBYSCORE', KEYS[1], min, '+inf', 'WITHSCORES', 'LIMIT', off, n)
  for i = 1, #got, 2 do
    if score == '' or tonumber(got[i + 1]) > tonumber(score) or before(member, got[i]) then
      local id = string.match(got[i], '^[^|]*')
      out[#out + 1] = got[i]
      out[#out + 1] = got[i + 1]
      out[#out + 1] = redis.call('HGET', KEYS[2], id) or '0'
      out[#out + 1] = redis.call('HGET', KEYS[3], id) or ''
      if #out == 4 * n then return out end
    end
  end
  off = off + n
until #got < 2 * n
return out
