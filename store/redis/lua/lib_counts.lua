-- add_count adds to a counter and, if it is new, sets for how long its hash is kept. One that is damaged begins anew.
local function add_count(key, field, n, kept)
  local sum = redis.pcall('HINCRBY', key, field, n)
  if type(sum) == 'table' then
    call('HSET', key, field, n)
    sum = tonumber(n)
  end
  if sum == tonumber(n) then call('EXPIRE', key, kept) end
end

-- add_counts adds what counters.go packed: to the hashes of the day, the hours and the minutes. What has a dimension is
-- added to the day alone.
local function add_counts(day, hours, minutes, packed, kept_day, kept_hours, kept_minutes)
  local hour, minute = string.sub(packed, 1, 3), string.sub(packed, 4, 6)
  for name, n in string.gmatch(string.sub(packed, 7), '([^=]+)=(-?%d+);') do
    add_count(day, name, n, kept_day)
    if not string.find(name, '/', 1, true) then
      add_count(hours, hour .. name, n, kept_hours)
      add_count(minutes, minute .. name, n, kept_minutes)
    end
  end
end
