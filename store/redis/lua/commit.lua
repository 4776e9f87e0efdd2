-- Changes of records of one shard, each by itself: all of it or none of it. What they need is read first, then each is
-- decided, and then what they change is written, what is added to one key together.
-- KEYS: 1 records, 2 timers, 3 pushed, 4 sites, 5 jobs, 6 due;
--       then of each change: tombstone, states of the site, index of the state that it had, of the state that it gets;
--       each bucket to acquire;
--       if a job ends: its queue, failed, and the other queue if it moves; for each job to drop: its queue, failed;
--       for each job to enqueue: its queue, and each bucket to reserve;
--       if something is counted: the counters of the day, the hours and the minutes
-- ARGV: of each change: repeated, the version that it must have, '' for no record, the new version, the packed record,
--       '' to erase it, its field among the records, the field of the mark of the store, '' if it is not known to have
--       one;
--       mark, '1' if the mark is a taker's, how many buckets to acquire, then the spec of each;
--       outcome, '' if no job ends; else id, attempts, name of the queue, at, name of the other queue or '';
--       or 'drop', how many jobs to drop, and for each: id, name of the queue;
--       how many jobs to enqueue, and for each: id, name of the queue, due, packed job, '1' if it has reserved, mark,
--       how many buckets to reserve, then the spec of each;
--       what is counted, as counters.go packs it, '' for nothing; else for how many seconds each of its keys is kept
-- Returns for each change 'done', 'lost', 'moved' if a job to drop is in another queue by now, 'unmarked' if the store
-- lost its mark, {'exceeded', wait of each bucket}, {'other', value}: the record that is in the way, or false; or an
-- error.
local records, timers, pushed, sites, jobs, due = unpack(KEYS, 1, 6)
local now = string.format('%.0f', NOW)
local k, a = 6, 0
local function next_key() k = k + 1 return KEYS[k] end
local function next_arg() a = a + 1 return ARGV[a] end

local function next_buckets()
  local list = {}
  for i = 1, tonumber(next_arg()) do list[i] = { key = next_key(), spec = next_arg() } end
  return list
end

local function next_change()
  local c = { tombstone = next_key(), states = next_key(), had = next_key(), gets = next_key(),
    repeated = next_arg() == '1', must = next_arg(), version = next_arg(), packed = next_arg(), field = next_arg(),
    mark_field = next_arg(), taker = next_arg(), named = next_arg() == '1', buckets = next_buckets(),
    outcome = next_arg(), drop = {}, enqueue = {} }
  if c.outcome == 'drop' then
    for i = 1, tonumber(next_arg()) do
      c.drop[i] = { queue = next_key(), failed = next_key(), id = next_arg(), name = next_arg() }
    end
  elseif c.outcome ~= '' then
    c.ending = { outcome = c.outcome, id = next_arg(), attempts = tonumber(next_arg()), queue = next_arg(),
      at = next_arg(), other = next_arg() }
    c.keys = { jobs = jobs, due = due, queue = next_key(), failed = next_key() }
    if c.outcome == 'move' then c.keys.other = next_key() end
  end
  for i = 1, tonumber(next_arg()) do
    c.enqueue[i] = { queue = next_key(), id = next_arg(), name = next_arg(), at = next_arg(), tail = next_arg(),
      reserved = next_arg(), taker = next_arg(), buckets = next_buckets() }
  end
  c.counts = next_arg()
  if c.counts ~= '' then
    c.count = { next_key(), next_key(), next_key(), c.counts, next_arg(), next_arg(), next_arg() }
  end
  return c
end

-- Records, and the mark, by their fields, as the script knows them; false: none.
local known, changed = {}, {}

-- What one change writes, and others perhaps do not, is looked at before it: a key of another type fails that change
-- alone.
local function expect_keys(c)
  expect(c.had, 'zset')
  expect(c.gets, 'zset')
  expect(c.states, 'set')
  for _, job in ipairs(c.enqueue) do expect(job.queue, 'zset') end
  for _, d in ipairs(c.drop) do
    expect(d.queue, 'zset')
    expect(d.failed, 'zset')
  end
  if c.ending then
    expect(c.keys.queue, 'zset')
    expect(c.keys.failed, 'zset')
    if c.keys.other then expect(c.keys.other, 'zset') end
  end
  for i = 1, c.count and 3 or 0 do expect(c.count[i], 'hash') end
end

local function read(changes)
  expect(timers, 'zset')
  expect(pushed, 'zset')
  expect(sites, 'hash')
  expect(jobs, 'hash')
  expect(due, 'zset')
  local fields, ids, buckets = {}, {}, {}
  local function each(list, f)
    for _, one in ipairs(list) do f(one) end
  end
  local function add_id(job) ids[#ids + 1] = job.id end
  local function add_bucket(b) buckets[#buckets + 1] = b end
  for _, c in ipairs(changes) do
    fields[#fields + 1] = c.field
    each(c.buckets, add_bucket)
    each(c.drop, add_id)
    if c.ending then add_id(c.ending) end
    each(c.enqueue, function(job)
      add_id(job)
      each(job.buckets, add_bucket)
    end)
  end
  local mark = changes[1].mark_field
  if mark ~= '' then fields[#fields + 1] = mark end
  for i, value in ipairs(call('HMGET', records, unpack(fields))) do known[fields[i]] = value end
  read_jobs(jobs, ids)
  read_buckets(buckets)
end

-- commit makes one change: what it returns is what the script returns for it.
local function commit(c)
  -- Has an earlier attempt done it?
  local was = known[c.field]
  local version, versions = '', ''
  if was then
    if not is_whole(was) then return { 'other', was } end
    version = string.sub(was, 1, 8)
    versions = versions_of(was)
  end
  if has_version(versions, c.version) then return 'done' end
  if c.repeated and has_version(call('GET', c.tombstone) or '', c.version) then return 'done' end

  -- A store that was emptied has no record either. What it is given now would be gone once somebody restores it.
  if not was and c.mark_field ~= '' and not known[c.mark_field] then return 'unmarked' end

  -- The limits come first: a refusal is the same whether or not there is a record.
  local acquired, room = look_at_all(c.buckets, c.taker, c.named)
  if not room then
    local out = { 'exceeded' }
    for i, one in ipairs(acquired) do out[i + 1] = math.max(0, one.wait) end
    return out
  end
  if version ~= c.must then return { 'other', was } end
  expect_keys(c)
  for _, d in ipairs(c.drop) do
    local job = job_of(jobs, d.id)
    if job and job_queue(job) ~= d.name then return 'moved' end
  end
  if c.ending and not end_lease(c.keys, false, c.ending) then return 'lost' end
  for _, d in ipairs(c.drop) do
    set_job(d.id, false)
    take_job(due, d.queue, d.name, d.id)
    take_failed(d.failed, d.id)
  end
  take_all(acquired)

  -- The record, its place in the index, its timer.
  local _, id = site_and_id(c.field)
  local value = nil
  if was and not is_recent(was) then versions = '' end
  versions = string.sub(versions, 1, MOST)
  if c.packed == '' then
    versions = c.version .. versions .. (call('GET', c.tombstone) or '')
    changed[c.field] = { tombstone = c.tombstone, versions = string.sub(versions, 1, MOST) }
  else
    value = value_of(c.version, versions, c.packed)
    changed[c.field] = {}
  end
  known[c.field] = value or false
  local from, to = was and index_entry(was, id), value and index_entry(value, id)
  if c.had ~= c.gets or from ~= to then
    if from then leave(c.had, from, c.states, state_of(was)) end
    if to then enter(c.gets, to, c.states, state_of(value)) end
  end
  set_timer(timers, pushed, sites, due, c.field, was, value)

  for _, job in ipairs(c.enqueue) do
    local reserve, has = look_at_all(job.buckets, job.taker, true)
    if #reserve > 0 then job.reserved = has and '1' or '0' end
    if not job_of(jobs, job.id) then
      if has then take_all(reserve) end
      if job.at == '' then job.at = now end
      set_job(job.id, 'n\0\0\0\0' .. job.reserved .. string.char(#job.name) .. job.name .. job.tail)
      put_job(due, job.queue, job.name, job.id, job.at)
    end
  end

  if c.count then add_counts(unpack(c.count)) end
  return 'done'
end

-- write_records comes first: a server that is full refuses a record, but nothing of a script that has written. It does
-- not refuse an erasure.
local function write_records()
  local set, gone = {}, {}
  for field, c in pairs(changed) do
    if c.tombstone then
      gone[#gone + 1] = field
    else
      set[#set + 1] = field
      set[#set + 1] = known[field]
    end
  end
  if #gone > 0 then call('HDEL', records, unpack(gone)) end
  for _, c in pairs(changed) do
    if c.tombstone then call('SET', c.tombstone, c.versions, 'PX', RECENT * 1000) end
  end
  if #set > 0 then call('HSET', records, unpack(set)) end
end

local changes, replies = {}, {}
repeat changes[#changes + 1] = next_change() until a == #ARGV
read(changes)
for i, c in ipairs(changes) do
  local ok, reply = pcall(commit, c)
  if not ok then reply = { err = type(reply) == 'table' and reply.err or 'ERR ' .. tostring(reply) } end
  replies[i] = reply
end
write_records()
write_buckets()
write_timers()
write_queues(jobs)
write_counts()
return replies
