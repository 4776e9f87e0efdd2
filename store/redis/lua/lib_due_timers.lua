-- due_timers returns up to n timers that are due, each with its field, when it was due and its entry, nil if it was
-- pushed; and the fields of records that have expired, as many as it met and may be removed. The timer of a damaged
-- record is due, so that somebody is told.
local function due_timers(records, timers, pushed, sites, n)
  local found, gone = {}, {}
  local function judge(field, at, entry)
    local value = call('HGET', records, field)
    if not value then return end
    local expires = is_whole(value) and select(2, times(value)) or 0
    if expires == 0 or expires > NOW + OFFSET then
      found[#found + 1] = { field = field, at = at, entry = entry }
    elseif not is_recent(value) then
      gone[#gone + 1] = field
    end
  end
  local first = call('ZRANGEBYSCORE', pushed, '-inf', NOW, 'WITHSCORES', 'LIMIT', '0', n)
  for i = 1, #first, 2 do judge(first[i], tonumber(first[i + 1])) end
  local skip = 0
  while #found < n and #gone < 100 do
    local chunk = call('ZRANGEBYLEX', timers, '-', '+', 'LIMIT', skip, '1')[1]
    if not chunk then break end
    for i = 1, #chunk - 24, 25 do
      local at = struct.unpack('>I6', chunk, i) - OFFSET
      if at > NOW or #found == n then return found, gone end
      local site = site_of(sites, string.sub(chunk, i + 6, i + 7))
      if site then judge(site .. string.sub(chunk, i + 8, i + 24), at, string.sub(chunk, i, i + 24)) end
    end
    skip = skip + 1
  end
  return found, gone
end

