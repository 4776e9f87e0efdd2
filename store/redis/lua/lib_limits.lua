-- A bucket is one string, of one of two sorts. The store's process says which (limits.go), and names the key by it.
--
-- An exact bucket is a log of what was taken, oldest first, 12 bytes each: 1-5 when, ms since 2020, rounded up
-- | 6-9 mark: a hash of the taker, or random | 10-12 hash of the tag.
--
-- A large bucket has one ring for each limit, 152 bytes: 1-6 the limit's window, ms | 7-12 number of the current slice
-- | 13-16 the sum of all | 17-20 how many in the current slice | 33 counters of 4 bytes, of slice s at s % 33. A slice
-- is a 32nd of the window, and slices are numbered from 1970; so the window is never longer than the current slice
-- and the 32 before it. The oldest of them, of which a part is past, is counted whole.
--
-- A spec says what a bucket allows: 1 'e' or 's' | 2-4 hash of the tag | then for each limit, 11 bytes:
-- n (4) | window, ms (6) | '1' if it counts by tag.
local EPOCH = 1577836800000
local RING = 152

local function slice_width(per) return math.ceil(per / 32) end

-- nth_tagged returns where the nth newest entry with a tag begins in a log, nil if there are fewer.
local function nth_tagged(log, n, tag)
  for at = #log - 11, 1, -12 do
    if string.sub(log, at + 9, at + 11) == tag then
      n = n - 1
      if n == 0 then return at end
    end
  end
end

-- not_ahead corrects a log of which entries are ahead because this server's clock was set back: they were taken no
-- later than now.
local function not_ahead(key, log)
  local now, parts = struct.pack('>I5', NOW - EPOCH + 1), {}
  for at = 1, #log, 12 do
    local ahead = struct.unpack('>I5', log, at) > NOW - EPOCH + 1
    parts[#parts + 1] = ahead and now .. string.sub(log, at + 5, at + 11) or string.sub(log, at, at + 11)
  end
  log = table.concat(parts)
  call('SET', key, log, 'KEEPTTL')
  return log
end

-- has_taken reports whether a mark stands in a log and counts for a window.
local function has_taken(log, mark, longest)
  local at = 0
  repeat
    at = string.find(log, mark, at + 1, true)
    if at and at % 12 == 6 and struct.unpack('>I5', log, at - 5) + longest > NOW - EPOCH then return true end
  until not at
  return false
end

-- Buckets that the script has looked at, by key. What it takes from one is written once, by write_buckets.
local buckets = {}

-- log_wait returns how long one more has to wait at an exact bucket, whether the mark has taken already, and what to
-- add to its log if it takes now.
local function log_wait(b, spec, mark, named)
  local log, now, wait, longest = b.log, NOW - EPOCH, 0, 0
  for i = 5, #spec, 11 do
    local n, per, at = struct.unpack('>I4I6', spec, i)
    if string.byte(spec, i + 10) == 49 then
      at = nth_tagged(log, n, string.sub(spec, 2, 4))
    else
      at = #log - 12 * n + 1
    end
    if at and at > 0 then wait = math.max(wait, math.min(per, struct.unpack('>I5', log, at) + per - now)) end
    longest = math.max(longest, per)
  end
  b.longest = math.max(b.longest, longest)
  local counted = named and log ~= '' and has_taken(log, mark, longest)
  return counted and 0 or wait, counted, struct.pack('>I5', now + 1) .. mark .. string.sub(spec, 2, 4)
end

local function log_of(key, log)
  if log ~= '' and struct.unpack('>I5', log, #log - 11) > NOW - EPOCH + 1 then log = not_ahead(key, log) end
  return { key = key, log = log, size = #log, longest = 0 }
end

local function write_log(b)
  local log, now, first = b.log, NOW - EPOCH, 1
  -- A long log is only appended to, until half of it is past.
  if b.size >= 240 and struct.unpack('>I5', log, math.floor(b.size / 24) * 12 + 1) + b.longest > now then
    call('APPEND', b.key, string.sub(log, b.size + 1))
    call('PEXPIRE', b.key, b.longest + 1)
    return
  end
  while first < #log and struct.unpack('>I5', log, first) + b.longest <= now do first = first + 12 end
  call('SET', b.key, string.sub(log, first), 'PX', b.longest + 1)
end

-- turned returns a ring brought up to the slice now. If this server's clock was set back, what was taken keeps its
-- distance to the last time something was taken.
local function turned(ring, per, now, current)
  local latest, parts, sum = struct.unpack('>I4', ring, 17), {}, 0
  for slice = now - 32, now do
    local was = current < now and slice or slice - now + current
    local n = 0
    if was == current then
      n = latest
    elseif was < current and was > current - 33 then
      n = struct.unpack('>I4', ring, 21 + 4 * (was % 33))
    end
    parts[slice % 33] = struct.pack('>I4', n)
    sum = sum + n
  end
  latest = struct.unpack('>I4', parts[now % 33])
  return struct.pack('>I6I6I4I4', per, now, sum, latest) .. table.concat(parts, '', 0, 32)
end

-- ring_of returns where the ring of a limit is in a bucket and its ring brought up to now; nil if it has none.
local function ring_of(value, per, now)
  for at = 1, #value, RING do
    local window, current = struct.unpack('>I6I6', value, at)
    if window == per then
      local ring = string.sub(value, at, at + RING - 1)
      if current == now then return at, ring, current end
      return at, turned(ring, per, now, current), current
    end
  end
end

-- ring_wait returns how long it takes until so many have left a ring.
local function ring_wait(ring, excess)
  for slice = ring.now - 32, ring.now do
    excess = excess - (slice == ring.now and ring.latest or struct.unpack('>I4', ring.text, 21 + 4 * (slice % 33)))
    if excess <= 0 then return (slice + 33) * slice_width(ring.per) - NOW end
  end
end

-- rings_wait returns how long one more has to wait at a large bucket.
local function rings_wait(b)
  local wait = 0
  for _, ring in ipairs(b.rings) do
    if ring.sum >= ring.n then wait = math.max(wait, ring_wait(ring, ring.sum - ring.n + 1)) end
  end
  return wait
end

local function rings_of(key, value, spec)
  local b, set_back = { key = key, rings = {}, spec = spec, longest = 0 }, false
  for i = 5, #spec, 11 do
    local n, per = struct.unpack('>I4I6', spec, i)
    local now = math.floor(NOW / slice_width(per))
    local at, text, current = ring_of(value, per, now)
    if at then
      set_back = set_back or current > now
    else
      text = struct.pack('>I6I6I4I4', per, now, 0, 0) .. string.rep('\0', 132)
    end
    local sum, latest = struct.unpack('>I4I4', text, 13)
    b.rings[#b.rings + 1] = { n = n, per = per, now = now, sum = sum, latest = latest, text = text,
      at = at and current == now and at }
    b.longest = math.max(b.longest, per)
  end
  if set_back then
    local texts = {}
    for i, ring in ipairs(b.rings) do texts[i] = ring.text end
    call('SET', key, table.concat(texts), 'KEEPTTL')
  end
  return b
end

-- write_rings writes only the sums that have grown, if no ring has turned.
local function write_rings(b)
  local whole = false
  for _, ring in ipairs(b.rings) do
    ring.sums = struct.pack('>I4I4', ring.sum, ring.latest)
    if ring.at then call('SETRANGE', b.key, ring.at + 11, ring.sums) else whole = true end
  end
  if not whole then return end
  local texts = {}
  for i, ring in ipairs(b.rings) do
    texts[i] = string.sub(ring.text, 1, 12) .. ring.sums .. string.sub(ring.text, 21)
  end
  call('SET', b.key, table.concat(texts), 'PX', b.longest + 2 * slice_width(b.longest))
end

local function is_exact(spec) return string.byte(spec) == 101 end

-- write_buckets writes what was taken.
local function write_buckets()
  for _, b in pairs(buckets) do
    if b.taken then
      if b.rings then write_rings(b) else write_log(b) end
    end
  end
  buckets = {}
end

-- read_buckets reads those of a list of buckets, each with its key and spec, that the script has not read.
local function read_buckets(list)
  local unread = {}
  for _, one in ipairs(list) do
    local b = buckets[one.key]
    if b and b.rings and b.spec ~= one.spec then -- other limits
      write_buckets()
      return read_buckets(list)
    end
    if not b then unread[#unread + 1] = one.key end
  end
  if #unread == 0 then return end
  local values = {}
  for i, value in ipairs(call('MGET', unpack(unread))) do values[unread[i]] = value end
  for _, one in ipairs(list) do
    local value, exact = values[one.key], is_exact(one.spec)
    if value ~= nil and not buckets[one.key] then
      if not value or #value % (exact and 12 or RING) ~= 0 then value = '' end -- it is damaged, and begins anew
      buckets[one.key] = exact and log_of(one.key, value) or rings_of(one.key, value, one.spec)
    end
  end
end

-- look_at_all looks at a list of buckets, each with its key and spec: how long one more has to wait, in ms, and whether
-- the mark has taken already. named says that the mark may stand there already. It returns for each bucket what
-- take_all takes, and whether all have room.
local function look_at_all(list, mark, named)
  local all, room = {}, true
  if #list == 0 then return all, room end
  read_buckets(list)
  for i, of in ipairs(list) do
    local b = buckets[of.key]
    local one = { bucket = b }
    if b.rings then
      one.wait, one.first = rings_wait(b), b.rings[1].now
    else
      one.wait, one.counted, one.entry = log_wait(b, of.spec, mark, named)
    end
    all[i], room = one, room and one.wait <= 0
  end
  return all, room
end

-- take_all takes one from each bucket that was looked at; write_buckets writes it.
local function take_all(all)
  for _, one in ipairs(all) do
    local b = one.bucket
    if b.rings then
      for _, ring in ipairs(b.rings) do
        ring.sum, ring.latest = ring.sum + 1, ring.latest + 1
      end
      b.taken = true
    elseif not one.counted then
      b.log = b.log .. one.entry
      b.taken = true
    end
  end
end
