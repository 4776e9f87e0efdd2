-- The timers of a shard are a packed set: for each record that has a timer or expires, one entry at the sooner of the
-- two: that moment | number of the site | id. While its timer is leased or put back, it is not there but among the
-- pushed, a sorted set of records' fields by when the lease is over or the timer is due.

-- Sites and their numbers stand in a hash, both ways, so that one of the two may be damaged.

-- whose returns the field of sites that has a value, of those with a '#' or of the others; nil if there is none.
local function whose(sites, value, numbers)
  local all = call('HGETALL', sites)
  for i = 1, #all, 2 do
    if all[i + 1] == value and (string.sub(all[i], 1, 1) == '#') == numbers then return all[i] end
  end
end

-- site_of returns the site that a number stands for; nil if that is lost.
local function site_of(sites, number)
  local site = call('HGET', sites, '#' .. number)
  if site and call('HGET', sites, site) == number then return site end
  return whose(sites, number, false) or site
end

local known_numbers = {} -- of sites, as the script has read them

local function read_number(sites, site)
  local number = call('HGET', sites, site)
  if number and call('HGET', sites, '#' .. number) == site then return number end
  local field = whose(sites, site, true)
  number = field and string.sub(field, 2) or number
  if not number or #number ~= 2 then number = struct.pack('>I2', call('HLEN', sites) / 2) end
  call('HSET', sites, site, number, '#' .. number, site)
  return number
end

-- site_number returns the two bytes that stand for a site, and keeps them if the site is new: 65536 are possible.
local function site_number(sites, site)
  local number = known_numbers[site] or read_number(sites, site)
  known_numbers[site] = number
  return number
end

-- moment returns the sooner of a record's timer and its expiry, with OFFSET; 0: it has neither.
local function moment(value)
  local _, expires, timer = times(value)
  if timer == 0 or (expires > 0 and expires < timer) then return expires end
  return timer
end

local function timer_entry(sites, at, field)
  local site, id = site_and_id(field)
  return struct.pack('>I6', at) .. site_number(sites, site) .. id
end

-- note_timers writes down when the first timer is due.
local function note_timers(timers, pushed, due)
  local chunk = call('ZRANGEBYLEX', timers, '-', '+', 'LIMIT', '0', '1')[1]
  while chunk and is_damaged(chunk, 25) do
    mend(timers, chunk, 25)
    chunk = call('ZRANGEBYLEX', timers, '-', '+', 'LIMIT', '0', '1')[1]
  end
  local first = tonumber(call('ZRANGE', pushed, '0', '0', 'WITHSCORES')[2] or math.huge)
  if chunk then first = math.min(first, (struct.unpack('>I6', chunk)) - OFFSET) end
  if first < math.huge then call('ZADD', due, first, 'timer') else call('ZREM', due, 'timer') end
end

-- Timers that the script sets, by their set: write_timers writes them.
local timed = {}

local function timed_in(timers, pushed, due)
  local t = timed[timers] or { pushed = pushed, due = due, back = {}, first = math.huge }
  timed[timers] = t
  return t
end

-- is_pushed reports whether the timer of a record is leased or put back. Mostly none is.
local function is_pushed(t, field)
  if t.any == nil then t.any = call('ZCARD', t.pushed) > 0 end
  return t.any and call('ZSCORE', t.pushed, field)
end

-- set_timer replaces the entry of a record, was and value being what it was and is, or nil.
local function set_timer(timers, pushed, sites, due, field, was, value)
  local old, new = was and moment(was) or 0, value and moment(value) or 0
  if old == 0 and new == 0 then return end
  local t = timed_in(timers, pushed, due)
  local leased = old > 0 and is_pushed(t, field)
  if old == new and not leased then return end
  if leased then
    table.insert(t.back, field)
  elseif old > 0 then
    leave(timers, timer_entry(sites, old, field))
  end
  if new > 0 then enter(timers, timer_entry(sites, new, field)) end
  if old > 0 then t.look = true else t.first = math.min(t.first, new) end
end

local function write_timers()
  write_entries()
  for timers, t in pairs(timed) do
    if #t.back > 0 then call('ZREM', t.pushed, unpack(t.back)) end
    if t.look then
      note_timers(timers, t.pushed, t.due)
    elseif t.first < math.huge then
      call('ZADD', t.due, 'LT', t.first - OFFSET, 'timer')
    end
  end
  timed = {}
end
