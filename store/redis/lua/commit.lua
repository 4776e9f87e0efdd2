-- One change of one record, all of it or none of it.
-- KEYS: 1 record, 2 its tombstone, 3 index of the site, 4 index of the state that it had, 5 of the state that it gets,
--       6 moved;
--       if a job ends: 7 queue, 8 attempts, 9 bodies, 10 failed; if it moves, those of the other queue;
--       then for each job to enqueue: queue, failed, bodies;
--       if something is counted: the days of the site; then for each count: that day's counts
-- ARGV: 1 repeated (not needed: the version tells), 2 the version that it must have, '' for no record,
--       3 the new version, 4 the packed record, '' to erase it, 5 ms that it has to live, 0 for ever,
--       6 its id, 7 created,
--       8 outcome, '' if no job ends, 9 member, 10 id, 11 attempts, 12 at,
--       13 how many jobs to enqueue; then for each: member, id, due, body; then for each count: day, name, n
-- Returns {'done'}, {'lost'}, or {'other', value}: the record that is in the way, or false.
local now = clock()
local was = redis.call('GET', KEYS[1])
local version, versions = '', ''
if was then
  version = string.sub(was, 1, 16)
  versions = version .. string.sub(was, 24, 23 + 16 * string.byte(was, 23))
else
  versions = redis.call('GET', KEYS[2]) or ''
end
if has_version(versions, ARGV[3]) then return {'done'} end
if version ~= ARGV[2] then return {'other', was} end

local moved, k = KEYS[6], 7
if ARGV[8] ~= '' then
  if not end_lease(moved, k, '0', ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]) then return {'lost'} end
  k = 11
  if ARGV[8] == 'move' then k = 15 end
end

if was and now - struct.unpack('>I6', was, 17) >= RECENT then versions = '' end
versions = string.sub(versions, 1, MOST)
local tail, ttl, id = ARGV[4], tonumber(ARGV[5]), ARGV[6]
if tail == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[3], id)
else
  local value = ARGV[3] .. struct.pack('>I6', now) .. string.char(#versions / 16) .. versions .. tail
  if ttl > 0 then
    redis.call('SET', KEYS[1], value, 'PX', ttl)
  else
    redis.call('SET', KEYS[1], value)
  end
  redis.call('ZADD', KEYS[3], ARGV[7], id)
  redis.call('ZADD', KEYS[5], ARGV[7], id)
end
if tail == '' or KEYS[4] ~= KEYS[5] then redis.call('ZREM', KEYS[4], id) end
-- A record that will not be there leaves its versions in a tombstone.
if tail == '' or (ttl > 0 and ttl < RECENT) then
  redis.call('SET', KEYS[2], ARGV[3] .. versions, 'PX', RECENT)
end

local counts = 14 + 4 * tonumber(ARGV[13])
for a = 14, counts - 1, 4 do
  if not redis.call('ZSCORE', KEYS[k + 1], ARGV[a]) and redis.call('SISMEMBER', moved, ARGV[a]) == 0 then
    local due = ARGV[a + 2]
    if due == '' then due = now end
    local new = redis.call('ZADD', KEYS[k], 'NX', due, ARGV[a])
    if new == 1 and ARGV[a + 3] ~= '' then redis.call('HSET', KEYS[k + 2], ARGV[a + 1], ARGV[a + 3]) end
  end
  k = k + 3
end

local days = KEYS[k]
for a = counts, #ARGV, 3 do
  k = k + 1
  redis.call('HINCRBY', KEYS[k], ARGV[a + 1], ARGV[a + 2])
  if redis.call('TTL', KEYS[k]) < 0 then -- the day's first
    redis.call('EXPIRE', KEYS[k], 1100 * 86400)
    redis.call('ZADD', days, 0, ARGV[a])
  end
end

-- A record that expired is still in the indexes. Each one that comes into an index looks at the two oldest there, so
-- what is gone is cleared faster than it gathers. (They share the slot, though they are not in KEYS.)
if tail ~= '' and (not was or KEYS[4] ~= KEYS[5]) then
  local prefix = string.sub(KEYS[1], 1, #KEYS[1] - #id)
  local state = string.sub(tail, 2, 1 + string.byte(tail, 1))
  for _, old in ipairs(redis.call('ZRANGE', KEYS[5], 0, 1)) do
    local value = redis.call('GET', prefix .. old)
    if not value then redis.call('ZREM', KEYS[3], old) end
    if not value or state_of(value) ~= state then redis.call('ZREM', KEYS[5], old) end
  end
end
return {'done'}
