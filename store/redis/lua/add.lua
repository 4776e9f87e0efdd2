-- Records where there is none.
-- KEYS: 1 records, 2 timers, 3 sites, 4 due;
--       then for each group of a site and a state: states of the site, index of the state
-- ARGV: 1 repeated, 2 the field of the mark, '' if the store is not known to have one, 3 how many groups;
--       then for each group: its state, how many records, and for each of them, in the order of the index: its field
--       among the records, version, packed record
-- Returns the places of those that are not added because there is a record, or 'unmarked' if the store lost its mark.
local a, place, there = 4, 0, {}

if ARGV[2] ~= '' and call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 'unmarked' end

-- Nothing is added before all that is needed can be.
expect(KEYS[2], 'zset')
expect(KEYS[4], 'zset')
for group = 1, tonumber(ARGV[3]) do
  expect(KEYS[3 + 2 * group], 'set')
  expect(KEYS[4 + 2 * group], 'zset')
end
for group = 1, tonumber(ARGV[3]) do
  local states, index, state, n = KEYS[3 + 2 * group], KEYS[4 + 2 * group], ARGV[a], tonumber(ARGV[a + 1])
  local fields, added = {}, {}
  for i = 1, n do fields[i] = ARGV[a + 3 * i - 1] end
  local found = call('HMGET', KEYS[1], unpack(fields))
  for i = 1, n do
    local field, version, was = fields[i], ARGV[a + 3 * i], found[i]
    if not was then
      local value, _, id = value_of(version, '', ARGV[a + 3 * i + 1]), site_and_id(field)
      added[#added + 1] = field
      added[#added + 1] = value
      enter(index, index_entry(value, id), states, state)
      set_timer(KEYS[2], nil, KEYS[3], KEYS[4], field, nil, value)
    elseif not is_whole(was) or not has_version(versions_of(was), version) then -- or an earlier attempt has added it
      there[#there + 1] = place + i
    end
  end
  if #added > 0 then call('HSET', KEYS[1], unpack(added)) end
  a, place = a + 2 + 3 * n, place + n
end

write_timers()
return there
