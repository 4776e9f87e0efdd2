-- KEYS: the takes of one bucket, newest first, each "microseconds.nonce".
-- ARGV: again, mark, 1 if the mark is a taker's, then for each limit: n, microseconds.  Returns how long to wait, in
-- microseconds; 0: taken
local list, nonce = KEYS[1], ARGV[2]
if ARGV[1] == '1' or ARGV[3] == '1' then
  local last = 63
  if ARGV[3] == '1' then last = -1 end
  for _, take in ipairs(redis.call('LRANGE', list, 0, last)) do
    if string.match(take, '%.(.*)$') == nonce then return 0 end
  end
end
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function stamp(mark) return string.format('%.0f.', now) .. mark end

local wait, most, longest = 0, 0, 0
for i = 4, #ARGV, 2 do
  local n, per = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  most, longest = math.max(most, n), math.max(longest, per)
  local take = redis.call('LINDEX', list, n - 1)
  if take then
    local at, mark = string.match(take, '^(%d+)%.(.*)$')
    at = tonumber(at)
    if at > now then -- this server's clock was set back: the take was made no later than now
      at = now
      redis.call('LSET', list, n - 1, stamp(mark))
    end
    wait = math.max(wait, per - (now - at))
  end
end
if wait > 0 then return wait end
redis.call('LPUSH', list, stamp(nonce))
redis.call('LTRIM', list, 0, most - 1)
redis.call('PEXPIRE', list, math.ceil(longest / 1000))
return 0
