-- KEYS: each bucket: what was taken from it, marks by microseconds.
-- ARGV: repeated (not needed: the mark tells), mark, 1 if the mark is a taker's, 1 to look only;
--       then for each bucket: how many limits, and n, microseconds of each.
-- Takes one from every bucket if all of them have room. Returns for each bucket: how long until it has room, in
-- microseconds, 0: it has; then 1 if this call took from it, else 0.
local BATCH = 1000 -- how many marks of one bucket a call corrects, and drops
local mark, named, look = ARGV[2], ARGV[3] == '1', ARGV[4] == '1'
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local function whole(n) return string.format('%.0f', n) end

local out, longest, counted, room = {}, {}, {}, true
local a = 5
for k, bucket in ipairs(KEYS) do
  -- This server's clock was set back since these: they were taken no later than now. Below, those that this call leaves
  -- count as taken now.
  local ahead = redis.call('ZREVRANGEBYSCORE', bucket, '+inf', '(' .. whole(now), 'LIMIT', 0, BATCH)
  for _, early in ipairs(ahead) do redis.call('ZADD', bucket, whole(now), early) end

  local wait, last = 0, a + 2 * tonumber(ARGV[a])
  longest[k] = 0
  for i = a + 1, last, 2 do
    local n, per = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    longest[k] = math.max(longest[k], per)
    local nth = redis.call('ZREVRANGE', bucket, n - 1, n - 1, 'WITHSCORES')[2]
    if nth then wait = math.max(wait, per - (now - math.min(now, tonumber(nth)))) end
  end
  a = last + 1

  local at = redis.call('ZSCORE', bucket, mark)
  if at and (not named or now - at < longest[k]) then
    wait, counted[k] = 0, true
  end
  if wait > 0 then room = false end
  out[2 * k - 1] = wait
  -- What stands under a mark that is no taker's was written by an earlier attempt of this call.
  out[2 * k] = (counted[k] and not named) and 1 or 0
end
if not room or look then return out end

for k, bucket in ipairs(KEYS) do
  if not counted[k] then
    redis.call('ZADD', bucket, whole(now), mark)
    -- What is as old as the longest window counts for no limit; as this one was allowed, that is all beyond the n of
    -- that limit.
    local past = redis.call('ZCOUNT', bucket, '-inf', whole(now - longest[k]))
    if past > 0 then redis.call('ZREMRANGEBYRANK', bucket, 0, math.min(past, BATCH) - 1) end
    redis.call('PEXPIRE', bucket, math.ceil(longest[k] / 1000))
    out[2 * k] = 1
  end
end
return out
