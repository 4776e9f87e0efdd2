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

local function look_at_log(key, log, spec, mark, named)
  local now, wait, longest = NOW - EPOCH, 0, 0
  if log ~= '' and struct.unpack('>I5', log, #log - 11) > now + 1 then log = not_ahead(key, log) end
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
  local counted = named and log ~= '' and has_taken(log, mark, longest)
  return { key = key, wait = counted and 0 or wait, counted = counted, log = log, longest = longest,
    rest = mark .. string.sub(spec, 2, 4) }
end

local function take_from_log(b)
  local log, now, first = b.log, NOW - EPOCH, 1
  local entry = struct.pack('>I5', now + 1) .. b.rest
  -- A long log is only appended to, until half of it is past.
  if #log >= 240 and struct.unpack('>I5', log, math.floor(#log / 24) * 12 + 1) + b.longest > now then
    call('APPEND', b.key, entry)
    call('PEXPIRE', b.key, b.longest + 1)
    return
  end
  while first < #log and struct.unpack('>I5', log, first) + b.longest <= now do first = first + 12 end
  call('SET', b.key, string.sub(log, first) .. entry, 'PX', b.longest + 1)
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
local function ring_wait(ring, per, now, excess)
  for slice = now - 32, now do
    local n = slice == now and struct.unpack('>I4', ring, 17) or struct.unpack('>I4', ring, 21 + 4 * (slice % 33))
    excess = excess - n
    if excess <= 0 then return (slice + 33) * slice_width(per) - NOW end
  end
end

local function look_at_rings(key, value, spec)
  local wait, longest, set_back = 0, 0, false
  local rings, places = {}, {}
  local first
  for i = 5, #spec, 11 do
    local n, per = struct.unpack('>I4I6', spec, i)
    local now = math.floor(NOW / slice_width(per))
    local at, ring, current = ring_of(value, per, now)
    local sum = 0
    if at then
      sum = struct.unpack('>I4', ring, 13)
      set_back = set_back or current > now
      if sum >= n then wait = math.max(wait, ring_wait(ring, per, now, sum - n + 1)) end
    else
      ring = struct.pack('>I6I6I4I4', per, now, 0, 0) .. string.rep('\0', 132)
    end
    rings[#rings + 1] = ring
    places[#rings] = at and current == now and at
    longest, first = math.max(longest, per), first or now
  end
  if set_back then call('SET', key, table.concat(rings), 'KEEPTTL') end
  return { key = key, wait = wait, rings = rings, places = places, longest = longest, first = first }
end

-- take_from_rings writes only the sums that have grown, if no ring has turned.
local function take_from_rings(b)
  local whole, rings = false, b.rings
  for i = 1, #rings do
    local sum, latest = struct.unpack('>I4I4', rings[i], 13)
    local grown = struct.pack('>I4I4', sum + 1, latest + 1)
    if b.places[i] then call('SETRANGE', b.key, b.places[i] + 11, grown) else whole = true end
    rings[i] = string.sub(rings[i], 1, 12) .. grown .. string.sub(rings[i], 21)
  end
  if whole then call('SET', b.key, table.concat(rings), 'PX', b.longest + 2 * slice_width(b.longest)) end
end

-- look_at_all looks at buckets, whose keys and specs begin at KEYS[k] and ARGV[a]: how long one more has to wait, in
-- ms, and whether the mark has taken already. named says that the mark may stand there already. It returns the
-- buckets and whether all have room.
local function look_at_all(k, a, n, mark, named)
  local all, room = {}, true
  if n == 0 then return all, room end
  local values = call('MGET', unpack(KEYS, k, k + n - 1))
  for i = 1, n do
    local key, value, spec = KEYS[k + i - 1], values[i] or '', ARGV[a + i - 1]
    local exact = string.byte(spec) == 101
    if #value % (exact and 12 or RING) ~= 0 then value = '' end -- it is damaged, and begins anew
    local b = exact and look_at_log(key, value, spec, mark, named)
      or look_at_rings(key, value, spec)
    all[i], room = b, room and b.wait <= 0
  end
  return all, room
end

local function take_all(all)
  for _, b in ipairs(all) do
    if b.log and not b.counted then take_from_log(b) elseif b.rings then take_from_rings(b) end
  end
end

