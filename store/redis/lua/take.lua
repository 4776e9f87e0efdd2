-- KEYS: the takes of one bucket, marks by microseconds.
-- ARGV: again (not needed: the mark tells), mark, 1 if the mark is a taker's, then for each limit: n, microseconds.
-- Returns how long to wait, in microseconds; 0: taken
local BATCH = 1000 -- how many takes one call mends, and drops
local takes, mark = KEYS[1], ARGV[2]
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function whole(n) return string.format('%.0f', n) end

-- This server's clock was set back since these: they were made no later than now. Those that this call leaves are taken so below.
local ahead = redis.call('ZREVRANGEBYSCORE', takes, '+inf', '(' .. whole(now), 'LIMIT', 0, BATCH)
for _, early in ipairs(ahead) do redis.call('ZADD', takes, whole(now), early) end

local wait, longest = 0, 0
for i = 4, #ARGV, 2 do
  local n, per = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  longest = math.max(longest, per)
  local nth = redis.call('ZREVRANGE', takes, n - 1, n - 1, 'WITHSCORES')[2]
  if nth then wait = math.max(wait, per - (now - math.min(now, tonumber(nth)))) end
end

local has = redis.call('ZSCORE', takes, mark)
if has and (ARGV[3] ~= '1' or now - has < longest) then return 0 end
if wait > 0 then return wait end
redis.call('ZADD', takes, whole(now), mark)
-- What is as old as the longest time counts for no limit; as this one was allowed, that is all beyond the n of that limit.
local past = redis.call('ZCOUNT', takes, '-inf', whole(now - longest))
if past > 0 then redis.call('ZREMRANGEBYRANK', takes, 0, math.min(past, BATCH) - 1) end
redis.call('PEXPIRE', takes, math.ceil(longest / 1000))
return 0
