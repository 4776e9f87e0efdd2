-- A bucket is one string, of one of two sorts. The store's process says which (limits.go), and names the key by it.
--
-- An exact bucket is a log of what was taken, oldest first, 12 bytes each: 1-5 when, ms since 2020, rounded up
-- | 6-9 mark: a hash of the taker, or random | 10-12 hash of the tag.
--
-- A sliced bucket has one ring for each limit, 148 bytes: 1-6 the limit's window, ms | 7-12 the slice that is current
-- | 13-16 the sum of all | 33 counters of 4 bytes, slice s at s % 33. A slice is a 32nd of the window, and slices are
-- numbered from 1970; so the window is never longer than the current slice and the 32 before it, and the oldest of
-- them, of which a part is past, is counted whole.
--
-- A spec says what a bucket allows: 1 'e' or 's' | 2-4 hash of the tag | then for each limit, 11 bytes:
-- n (4) | window, ms (6) | '1' if it counts by tag.
local EPOCH = 1577836800000
local SLICES = 33

local function read_spec(key, spec)
  local b = { key = key, exact = string.sub(spec, 1, 1) == 'e', tag = string.sub(spec, 2, 4), limits = {}, longest = 0 }
  for i = 5, #spec, 11 do
    local n, per = struct.unpack('>I4I6', spec, i)
    b.limits[#b.limits + 1] = { n = n, per = per, tagged = string.sub(spec, i + 10, i + 10) == '1' }
    b.longest = math.max(b.longest, per)
  end
  return b
end

local function taken_at(log, i) return (struct.unpack('>I5', log, i * 12 - 11)) end

-- read_log reads an exact bucket. This server's clock may have been set back since entries were written: they were taken
-- no later than now.
local function read_log(b)
  local log = call('GET', b.key) or ''
  local now = NOW - EPOCH + 1
  local right = #log / 12
  while right > 0 and taken_at(log, right) > now do right = right - 1 end
  if right * 12 < #log then
    local parts = { string.sub(log, 1, right * 12) }
    for i = right + 1, #log / 12 do
      parts[#parts + 1] = struct.pack('>I5', now) .. string.sub(log, i * 12 - 6, i * 12)
    end
    log = table.concat(parts)
    call('SET', b.key, log, 'KEEPTTL')
  end
  return log
end

-- nth_newest returns the place in a log of the nth newest entry that a limit counts, nil if it counts fewer.
local function nth_newest(log, limit, tag)
  local last = #log / 12
  if not limit.tagged then return last >= limit.n and last - limit.n + 1 or nil end
  local seen = 0
  for i = last, 1, -1 do
    if string.sub(log, i * 12 - 2, i * 12) == tag then
      seen = seen + 1
      if seen == limit.n then return i end
    end
  end
end

-- has_taken reports whether a mark stands in a log and still counts.
local function has_taken(b, log, mark)
  local from = 1
  while true do
    local at = string.find(log, mark, from, true)
    if not at then return false end
    if at % 12 == 6 and taken_at(log, (at + 6) / 12) + b.longest > NOW - EPOCH then return true end
    from = at + 1
  end
end

local function slice_width(per) return math.ceil(per / (SLICES - 1)) end

local function counter(ring, slice) return (struct.unpack('>I4', ring, 17 + 4 * (slice % SLICES))) end

-- added returns a ring with n more in a slice, sum being what it holds.
local function added(ring, slice, sum, n)
  local at = 17 + 4 * (slice % SLICES)
  return string.sub(ring, 1, 12) .. struct.pack('>I4', sum + n) .. string.sub(ring, 17, at - 1)
    .. struct.pack('>I4', counter(ring, slice) + n) .. string.sub(ring, at + 4)
end

-- ring_of returns the ring of a limit with its current slice brought up to now, the number of that slice, the sum, and
-- whether this server's clock was set back. If so, what was taken keeps its distance to the last time something was.
local function ring_of(value, limit)
  local now = math.floor(NOW / slice_width(limit.per))
  for at = 1, #value, 148 do
    local per, current, sum = struct.unpack('>I6I6I4', value, at)
    if per == limit.per then
      local ring = string.sub(value, at, at + 147)
      if current == now then return ring, now, sum, false end
      local parts = {}
      sum = 0
      for slice = now - SLICES + 1, now do
        local was = current < now and slice or slice - now + current
        local n = was <= current and was > current - SLICES and counter(ring, was) or 0
        parts[slice % SLICES] = struct.pack('>I4', n)
        sum = sum + n
      end
      return struct.pack('>I6I6I4', per, now, sum) .. table.concat(parts, '', 0, SLICES - 1), now, sum, current > now
    end
  end
  return struct.pack('>I6I6I4', limit.per, now, 0) .. string.rep('\0', 4 * SLICES), now, 0, false
end

-- ring_wait returns how long it takes until so many have left a ring.
local function ring_wait(ring, now, limit, excess)
  for slice = now - SLICES + 1, now do
    excess = excess - counter(ring, slice)
    if excess <= 0 then return (slice + SLICES) * slice_width(limit.per) - NOW end
  end
end

-- joined returns rings as they stand in a bucket.
local function joined(rings)
  local all = {}
  for i, r in ipairs(rings) do all[i] = r.ring end
  return table.concat(all)
end

-- look_at finds out how long one more has to wait, in ms, and whether the mark has taken already. named says that
-- the mark may stand in a log already.
local function look_at(b, mark, named)
  b.wait, b.counted = 0, false
  if b.exact then
    b.log = read_log(b)
    if named and has_taken(b, b.log, mark) then
      b.counted = true
      return
    end
    for _, l in ipairs(b.limits) do
      local nth = nth_newest(b.log, l, b.tag)
      if nth then b.wait = math.max(b.wait, math.min(l.per, taken_at(b.log, nth) + l.per - NOW + EPOCH)) end
    end
    return
  end
  local value = call('GET', b.key) or ''
  b.rings = {}
  local set_back = false
  for i, l in ipairs(b.limits) do
    local ring, now, sum, back = ring_of(value, l)
    b.rings[i] = { ring = ring, now = now, sum = sum }
    set_back = set_back or back
    if sum >= l.n then b.wait = math.max(b.wait, ring_wait(ring, now, l, sum - l.n + 1)) end
  end
  if set_back then call('SET', b.key, joined(b.rings), 'KEEPTTL') end
end

-- take takes one from a bucket that was looked at.
local function take(b, mark)
  if b.exact then
    local first = 1
    while first * 12 <= #b.log and taken_at(b.log, first) + b.longest <= NOW - EPOCH do first = first + 1 end
    local log = string.sub(b.log, first * 12 - 11) .. struct.pack('>I5', NOW - EPOCH + 1) .. mark .. b.tag
    call('SET', b.key, log, 'PX', b.longest + 1)
    return
  end
  for _, r in ipairs(b.rings) do r.ring = added(r.ring, r.now, r.sum, 1) end
  call('SET', b.key, joined(b.rings), 'PX', b.longest + slice_width(b.longest))
end

-- look_at_all looks at buckets, whose keys and specs begin at KEYS[k] and ARGV[a], and reports whether all have room.
local function look_at_all(k, a, n, mark, named)
  local all, room = {}, true
  for i = 1, n do
    all[i] = read_spec(KEYS[k + i - 1], ARGV[a + i - 1])
    look_at(all[i], mark, named)
    room = room and all[i].wait <= 0
  end
  return all, room
end

local function take_all(all, mark)
  for _, b in ipairs(all) do
    if not b.counted then take(b, mark) end
  end
end

