-- add_count adds to a counter and, if it is new, sets for how long its hash is kept. One that is damaged begins anew.
local function add_count(key, field, n, kept)
  local sum = redis.pcall('HINCRBY', key, field, n)
  if type(sum) == 'table' then
    if not string.find(sum.err, 'integer', 1, true) and not string.find(sum.err, 'overflow', 1, true) then
      return error(sum)
    end
    call('HSET', key, field, n)
    sum = n
  end
  if sum == n then call('EXPIRE', key, kept) end
end

-- What the script counts, and how often: write_counts writes it.
local counted = {}

-- add_counts adds what counters.go packed: to the hashes of the day, the hours and the minutes. What has a dimension is
-- added to the day alone.
local function add_counts(day, hours, minutes, packed, kept_day, kept_hours, kept_minutes)
  local same = minutes .. packed
  local c = counted[same]
  if c then
    c.times = c.times + 1
    return
  end
  counted[same] = { times = 1, packed = packed, day = day, hours = hours, minutes = minutes,
    kept_day = kept_day, kept_hours = kept_hours, kept_minutes = kept_minutes }
end

local function write_counts()
  local sums, kept = {}, {} -- by key and field
  local function add(key, field, n, seconds)
    local of = sums[key]
    if not of then
      of = {}
      sums[key], kept[key] = of, seconds
    end
    of[field] = (of[field] or 0) + n
  end
  for _, c in pairs(counted) do
    local hour, minute = string.sub(c.packed, 1, 3), string.sub(c.packed, 4, 6)
    for name, n in string.gmatch(string.sub(c.packed, 7), '([^=]+)=(-?%d+);') do
      n = n * c.times
      add(c.day, name, n, c.kept_day)
      if not string.find(name, '/', 1, true) then
        add(c.hours, hour .. name, n, c.kept_hours)
        add(c.minutes, minute .. name, n, c.kept_minutes)
      end
    end
  end
  for key, of in pairs(sums) do
    for field, n in pairs(of) do add_count(key, field, n, kept[key]) end
  end
  counted = {}
end
