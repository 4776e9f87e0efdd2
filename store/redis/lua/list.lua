-- KEYS: an index.  ARGV: again, n, created and id of the place to continue after ('' and '': from the newest).
-- Returns id, created for up to n members, newest first.
local n, created, id = tonumber(ARGV[2]), ARGV[3], ARGV[4]

-- before compares bytes, as sorted sets do; Lua's own < follows the server's locale.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

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
