-- One change of one record, all of it or none of it.
-- KEYS: 1 records, 2 tombstone, 3 states of the site, 4 index of the state that it had, 5 of the state that it gets,
--       6 timers, 7 pushed, 8 sites, 9 jobs, 10 due;
--       then each bucket to acquire;
--       if a job ends: its queue, failed, and the other queue if it moves; for each job to drop: its queue, failed;
--       then for each job to enqueue: its queue, and each bucket to reserve;
--       if something is counted: the counters of the day, the hours and the minutes
-- ARGV: 1 repeated, 2 the version that it must have, '' for no record,
--       3 the new version, 4 the packed record, '' to erase it, 5 its field among the records,
--       6 the field of the mark of the store, '' if it is not known to have one,
--       7 mark, 8 '1' if the mark is a taker's, 9 how many buckets to acquire, then the spec of each;
--       then outcome, '' if no job ends; else id, attempts, name of the queue, at, name of the other queue or '';
--       or 'drop', how many jobs to drop, and for each: id, name of the queue;
--       then how many jobs to enqueue, and for each: id, name of the queue, due, packed job, '1' if it has reserved,
--       mark, how many buckets to reserve, then the spec of each;
--       if something is counted: what, as counters.go packs it, and for how many seconds each of its keys is kept
-- Returns 'done', 'lost', 'moved' if a job to drop is in another queue by now, 'unmarked' if the store lost its mark,
-- {'exceeded', wait of each bucket}, or {'other', value}: the record that is in the way, or false.
local records, field, k, a = KEYS[1], ARGV[5], 11, 10

local function next_key() k = k + 1 return KEYS[k - 1] end
local function next_arg() a = a + 1 return ARGV[a - 1] end

-- Has an earlier attempt done it?
local was = call('HGET', records, field)
local version, versions = '', ''
if was then
  if not is_whole(was) then return { 'other', was } end
  version = string.sub(was, 1, 8)
  versions = versions_of(was)
end
if has_version(versions, ARGV[3]) then return 'done' end
if ARGV[1] == '1' and has_version(call('GET', KEYS[2]) or '', ARGV[3]) then return 'done' end

-- A store that was emptied has no record either. What it is given now would be gone once somebody restores it.
if not was and ARGV[6] ~= '' and call('HEXISTS', records, ARGV[6]) == 0 then return 'unmarked' end

-- The limits come first: a refusal is the same whether or not there is a record.
local buckets = tonumber(ARGV[9])
local acquired, room = look_at_all(k, a, buckets, ARGV[7], ARGV[8] == '1')
k, a = k + buckets, a + buckets
if not room then
  local out = { 'exceeded' }
  for i, b in ipairs(acquired) do out[i + 1] = math.max(0, b.wait) end
  return out
end
if version ~= ARGV[2] then return { 'other', was } end
local outcome = next_arg()
if outcome == 'drop' then
  local drops = {}
  for i = 1, tonumber(next_arg()) do
    local d = { queue = next_key(), failed = next_key(), id = next_arg(), name = next_arg() }
    local job = call('HGET', KEYS[9], d.id)
    if job and job_queue(job) ~= d.name then return 'moved' end
    drops[i] = d
  end
  for _, d in ipairs(drops) do
    call('HDEL', KEYS[9], d.id)
    call('ZREM', d.queue, d.id)
    call('ZREM', d.failed, d.id)
    note_queue(KEYS[10], d.queue, d.name)
  end
elseif outcome ~= '' then
  local e = { outcome = outcome, id = next_arg(), attempts = tonumber(next_arg()), queue = next_arg(),
    at = next_arg(), other = next_arg() }
  local keys = { jobs = KEYS[9], due = KEYS[10], queue = next_key(), failed = next_key() }
  if outcome == 'move' then keys.other = next_key() end
  if not end_lease(keys, false, e) then return 'lost' end
end
take_all(acquired)

-- The record, its place in the index, its timer.
local _, id = site_and_id(field)
local value = nil
if was and not is_recent(was) then versions = '' end
versions = string.sub(versions, 1, MOST)
if ARGV[4] == '' then
  call('HDEL', records, field)
  versions = ARGV[3] .. versions .. (call('GET', KEYS[2]) or '')
  call('SET', KEYS[2], string.sub(versions, 1, MOST), 'PX', RECENT * 1000)
else
  value = value_of(ARGV[3], versions, ARGV[4])
  call('HSET', records, field, value)
end
local from, to = was and index_entry(was, id), value and index_entry(value, id)
if KEYS[4] ~= KEYS[5] or from ~= to then
  if from then remove_entry(KEYS[4], from) end
  if to and add_entry(KEYS[5], to) then call('SADD', KEYS[3], state_of(value)) end
end
set_timer(KEYS[6], KEYS[7], KEYS[8], KEYS[10], field, was, value)

for _ = 1, tonumber(next_arg()) do
  local queue, job = next_key(), next_arg()
  local name, at, tail, reserved, mark, n = next_arg(), next_arg(), next_arg(), next_arg(), next_arg(), next_arg()
  n = tonumber(n)
  local buckets, has = look_at_all(k, a, n, mark, true)
  if n > 0 then reserved = has and '1' or '0' end
  if call('HSETNX', KEYS[9], job, 'n\0\0\0\0' .. reserved .. string.char(#name) .. name .. tail) == 1 then
    if has then take_all(buckets) end
    if at == '' then at = string.format('%.0f', NOW) end
    put_job(KEYS[10], queue, name, job, at)
  end
  k, a = k + n, a + n
end

if a <= #ARGV then
  add_counts(KEYS[k], KEYS[k + 1], KEYS[k + 2], next_arg(), next_arg(), next_arg(), next_arg())
end
return 'done'
