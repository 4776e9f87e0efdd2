-- The jobs of a shard are one hash, whatever their queues: job id -> job, laid out like this (queue.go reads the same):
--   1 state | 2-5 times leased | 6 '1' if it has reserved | 7 length of the queue | queue
--   then, as the store's process packed it: length of the site | site | length of the record's id | its id | body
-- States: n new, l leased, w put back, f failed, r requeued and not leased since. A queue is a sorted set of job ids by
-- when they are due or their lease ends, ms; due holds the first of these for each queue.
local function job_state(job) return string.sub(job, 1, 1) end
local function job_attempts(job) return (struct.unpack('>I4', job, 2)) end
local function job_queue(job) return string.sub(job, 8, 7 + string.byte(job, 7)) end

-- is_whole_job reports whether a job of a queue is laid out like this. One that is not was damaged.
local function is_whole_job(job, name)
  if not job or #job < 7 or job_queue(job) ~= name then return false end
  local at = 8 + #name
  for _ = 1, 2 do
    at = at + 1 + (string.byte(job, at) or #job)
  end
  return at <= #job + 1
end

-- job_as returns a job with another state and number of attempts.
local function job_as(job, state, attempts)
  return state .. struct.pack('>I4', attempts) .. string.sub(job, 6)
end

-- note_queue writes down when the first job of a queue is due.
local function note_queue(due, queue, name)
  local first = call('ZRANGE', queue, '0', '0', 'WITHSCORES')[2]
  if first then call('ZADD', due, first, name) else call('ZREM', due, name) end
end

-- Jobs as the script knows them, by their ids, false: none. write_queues writes those that it has set.
local known_jobs, changed_jobs = {}, {}

-- read_jobs reads several at once.
local function read_jobs(jobs, ids)
  if #ids == 0 then return end
  for i, job in ipairs(call('HMGET', jobs, unpack(ids))) do known_jobs[ids[i]] = job end
end

local function job_of(jobs, id)
  if known_jobs[id] == nil then read_jobs(jobs, { id }) end
  return known_jobs[id]
end

-- set_job keeps a job; false removes it.
local function set_job(id, job) known_jobs[id], changed_jobs[id] = job, true end

-- What the script changes of queues, by their keys.
local queues = {}

local function queue_of(due, key, name)
  expect(key, 'zset')
  local q = queues[key] or { due = due, name = name, leaving = {}, joining = {}, first = math.huge }
  queues[key] = q
  return q
end

-- put_job adds a job to a queue, or makes it due at another time.
local function put_job(due, queue, name, id, at)
  local q = queue_of(due, queue, name)
  table.insert(q.joining, at)
  table.insert(q.joining, id)
  q.first = math.min(q.first, tonumber(at))
end

-- take_job takes a job out of a queue.
local function take_job(due, queue, name, id)
  local q = queue_of(due, queue, name)
  table.insert(q.leaving, id)
  q.look = true -- which job is the first now
end

-- What the script changes of the lists of failed jobs, by their keys.
local failures = {}

local function failures_of(failed)
  expect(failed, 'zset')
  local f = failures[failed] or { leaving = {}, joining = {} }
  failures[failed] = f
  return f
end

local function put_failed(failed, id)
  local f = failures_of(failed)
  table.insert(f.joining, string.format('%.3f', TIME[1] * 1000 + TIME[2] / 1000))
  table.insert(f.joining, id)
end

local function take_failed(failed, id) table.insert(failures_of(failed).leaving, id) end

local function write_queues(jobs)
  local set, gone = {}, {}
  for id in pairs(changed_jobs) do
    if known_jobs[id] then
      set[#set + 1] = id
      set[#set + 1] = known_jobs[id]
    else
      gone[#gone + 1] = id
    end
  end
  if #set > 0 then call('HSET', jobs, unpack(set)) end
  if #gone > 0 then call('HDEL', jobs, unpack(gone)) end
  local first, due = {}, nil
  for key, q in pairs(queues) do
    if #q.leaving > 0 then call('ZREM', key, unpack(q.leaving)) end
    if #q.joining > 0 then call('ZADD', key, unpack(q.joining)) end
    if q.look then
      note_queue(q.due, key, q.name)
    else
      first[#first + 1] = q.first
      first[#first + 1] = q.name
      due = q.due
    end
  end
  if due then call('ZADD', due, 'LT', unpack(first)) end
  for key, f in pairs(failures) do
    if #f.leaving > 0 then call('ZREM', key, unpack(f.leaving)) end
    if #f.joining > 0 then call('ZADD', key, unpack(f.joining)) end
  end
  changed_jobs, queues, failures = {}, {}, {}
end

-- end_lease ends the lease of one job and reports whether it did. repeated says that an earlier attempt may have done
-- it already, its reply lost. e: outcome, id, attempts, name of the queue, at, name of the queue to which it moves.
-- keys: jobs, due, queue, failed, and the other queue if it moves.
local function end_lease(keys, repeated, e)
  local job = job_of(keys.jobs, e.id)
  local state = job and job_state(job)
  local same = job and job_attempts(job) == e.attempts
  if not job or state ~= 'l' or not same or job_queue(job) ~= e.queue then
    if not repeated then return false end
    if not job then return e.outcome == 'complete' end
    if e.outcome == 'retry' then return same and state == 'w' and job_queue(job) == e.queue end
    if e.outcome == 'move' then return same and state == 'w' and job_queue(job) == e.other end
    return e.outcome == 'fail' and same and state == 'f' and job_queue(job) == e.queue
  end
  local at = e.at
  if at == '' then at = NOW end
  take_job(keys.due, keys.queue, e.queue, e.id)
  if e.outcome == 'complete' then
    set_job(e.id, false)
  elseif e.outcome == 'retry' then
    set_job(e.id, job_as(job, 'w', e.attempts))
    put_job(keys.due, keys.queue, e.queue, e.id, at)
  elseif e.outcome == 'fail' then
    set_job(e.id, job_as(job, 'f', e.attempts))
    put_failed(keys.failed, e.id)
  elseif e.outcome == 'move' then
    local tail = string.sub(job, 8 + #e.queue)
    set_job(e.id, 'w' .. string.sub(job, 2, 6) .. string.char(#e.other) .. e.other .. tail)
    put_job(keys.due, keys.other, e.other, e.id, at)
  end
  return true
end
