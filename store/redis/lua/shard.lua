-- What the keys of a shard say that all records share, or those of a site.
-- KEYS: 1 what Ready knows, 2 records, 3 timers, 4 pushed, 5 sites, 6 jobs, 7 due; then of each queue that is known its
--       key; of each site that is known its states, and the index of each state that is known.
-- ARGV: repeated, when this was asked at the latest, as is known, by how many ms the data may be older than that, the
--       field of the mark, '1' if what is found is noted, '1' if what is missing is lost for good;
--       the type of each of the first seven keys; the number of queues, and each; then for each site the number of
--       states, and each.
-- Returns {'type', a key that has another type than it should have, and that}; {'older', when this was asked before,
-- ms}; {'missing', a key that is gone}; or {'asked', when it was now, which is always later, the names of
-- queues, what sites has, and of each site that is known a list of its states}.
local asked, records, timers, pushed, sites, jobs, due = unpack(KEYS, 1, 7)
local known, noted, lost = tonumber(ARGV[2]), ARGV[5] == '1', ARGV[6] == '1'
local k, a = 0, 6
local function next_key() k = k + 1 return KEYS[k] end
local function next_arg() a = a + 1 return ARGV[a] end
local function exists(key) return call('EXISTS', key) == 1 end

-- wrong_type returns what is to be returned if a key has another type, or nil.
local function wrong_type(key, right)
  local is = call('TYPE', key).ok
  if is ~= 'none' and is ~= right then return { 'type', key, is } end
end

for _ = 1, 7 do
  local wrong = wrong_type(next_key(), next_arg())
  if wrong then return wrong end
end
-- A store without a mark is not in use yet, or was emptied, which is noticed by that.
if call('HEXISTS', records, ARGV[4]) == 0 then return { 'asked', ARGV[2] } end
local before = tonumber(call('HGET', asked, 'asked') or 0)
if before + tonumber(ARGV[3]) < known then return { 'older', string.format('%.0f', before) } end

-- What is missing is noted, since the next change may make the key anew, without what was in it.
local missing = {}
local function miss(key, is)
  if not is then return end
  missing[#missing + 1] = key
  if noted and not lost then call('HSET', asked, key, NOW) end
end

local timer = call('ZSCORE', due, 'timer')
local timed = exists(timers) or exists(pushed)
miss(timers, timer and not timed)
miss(due, timed and not timer)
miss(sites, exists(timers) and not exists(sites))
miss(jobs, call('ZCARD', due) > (timer and 1 or 0) and not exists(jobs))
for _ = 1, tonumber(next_arg()) do
  local queue, name = next_key(), next_arg()
  local wrong = wrong_type(queue, 'zset')
  if wrong then return wrong end
  miss(queue, call('ZSCORE', due, name) and not exists(queue))
  miss(due, exists(queue) and not call('ZSCORE', due, name))
end
local found = {}
while a < #ARGV do
  local states = next_key()
  local wrong = wrong_type(states, 'set')
  if wrong then return wrong end
  local list, members = call('SMEMBERS', states), {}
  for _, member in ipairs(list) do members[member] = true end
  for _ = 1, tonumber(next_arg()) do
    local index, state = next_key(), next_arg()
    wrong = wrong_type(index, 'zset')
    if wrong then return wrong end
    local there = exists(index)
    miss(index, members['!' .. state] or not there and members['+' .. state])
    if lost then
      call('SREM', states, '!' .. state, there and '!' or '+' .. state)
    end
    -- Whoever knows a state may put it back.
    if noted and there and not members['+' .. state] then call('SADD', states, state, '+' .. state) end
  end
  found[#found + 1] = list
end

local all = call('HGETALL', asked)
for i = 1, #all, 2 do
  if all[i] ~= 'asked' then
    if lost then call('HDEL', asked, all[i]) else missing[#missing + 1] = all[i] end
  end
end
if #missing > 0 and not lost then return { 'missing', missing[1] } end
local now = ARGV[2]
if noted then
  now = string.format('%.0f', math.max(before + 1, known + 1, NOW))
  call('HSET', asked, 'asked', now)
end
return { 'asked', now, call('ZRANGE', due, 0, -1), call('HGETALL', sites), found }
