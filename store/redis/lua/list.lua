-- KEYS: 1 states of the site, 2 records, then indexes of states.
-- ARGV: repeated, n, entry to continue after, '' from the newest, site, '1' if it is to be all states, then the
-- states of the indexes.
-- Returns 'states' and all states if it is not all of them; else '1' if there is more, then entry and record of up to
-- n, newest first.
local n, cursor, site = tonumber(ARGV[2]), ARGV[3], ARGV[4]
if ARGV[5] == '1' then
  local states, named, others = call('SMEMBERS', KEYS[1]), {}, false
  for i = 6, #ARGV do named[ARGV[i]] = true end
  for _, state in ipairs(states) do
    if not named[state] and string.find(state, '^[^+!]') then others = true end
  end
  if others then
    table.insert(states, 1, 'states')
    return states
  end
end

-- newest appends up to n + 1 entries of one index that come before the cursor.
local function newest(index, all)
  local max, count = '+', 0
  if cursor ~= '' then max = '(' .. cursor end
  repeat
    local chunk = call('ZREVRANGEBYLEX', index, max, '-', 'LIMIT', '0', '1')[1]
    if not chunk then return end
    for at = #chunk - #chunk % 23 - 22, 1, -23 do
      local entry = string.sub(chunk, at, at + 22)
      if cursor == '' or before(entry, cursor) then
        all[#all + 1] = entry
        count = count + 1
        if count > n then return end
      end
    end
    max = '(' .. string.sub(chunk, 1, 23)
  until false
end

local entries = {}
for i = 3, #KEYS do newest(KEYS[i], entries) end
table.sort(entries, function(a, b) return before(b, a) end)
local out, bytes = { #entries > n and '1' or '0' }, 0
for i = 1, math.min(n, #entries) do
  local value = call('HGET', KEYS[2], site .. string.sub(entries[i], 7))
  if bytes > 4000000 then -- the rest may be asked for again
    out[1] = '1'
    break
  end
  if value then
    bytes = bytes + #value
    out[#out + 1] = entries[i]
    out[#out + 1] = value
  end
end
return out
