-- KEYS: an index.  ARGV: repeated, n, created and id of the record to continue after ('' and '': from the newest).
-- Returns id, created for up to n members, newest first.
local n, created, id = tonumber(ARGV[2]), ARGV[3], ARGV[4]

local out, off = {}, 0
local max = created
if max == '' then max = '+inf' end
repeat
  local got = redis.call('ZREVRANGEBYSCORE', KEYS[1], max, '-inf', 'WITHSCORES', 'LIMIT', off, n)
  for i = 1, #got, 2 do
    if created == '' or tonumber(got[i + 1]) < tonumber(created) or before(got[i], id) then
      out[#out + 1] = got[i]
      out[#out + 1] = got[i + 1]
      if #out == 2 * n then return out end
    end
  end
  off = off + n
until #got < 2 * n
return out
