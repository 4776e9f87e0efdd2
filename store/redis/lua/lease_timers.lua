-- KEYS: 1 due, 2 records, 3 timers, 4 pushed, 5 sites.  ARGV: repeated, n, ms.
-- Leases the first n timers that are due. Returns two lists: field and due of each; field and state of records that
-- have expired, some of them.
local found, gone = due_timers(KEYS[2], KEYS[3], KEYS[4], KEYS[5], tonumber(ARGV[2]))
local leased, expired = {}, {}
for _, timer in ipairs(found) do
  if timer.entry then remove_entry(KEYS[3], timer.entry) end
  call('ZADD', KEYS[4], NOW + ARGV[3], timer.field)
  leased[#leased + 1] = timer.field
  leased[#leased + 1] = string.format('%.0f', timer.at)
end
for _, field in ipairs(gone) do
  expired[#expired + 1] = field
  expired[#expired + 1] = state_of(call('HGET', KEYS[2], field))
end
note_timers(KEYS[3], KEYS[4], KEYS[1])
return { leased, expired }
