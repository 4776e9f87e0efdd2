-- KEYS: 1 due, 2 records, 3 timers, 4 pushed, 5 sites.  ARGV: repeated.
-- Returns two lists: the queues that have a job due; field and state of records that have expired, some of them.
local queues, expired = {}, {}
for _, name in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', NOW)) do
  if name == 'timer' then
    local found, gone = due_timers(KEYS[2], KEYS[3], KEYS[4], KEYS[5], 1)
    if #found == 0 then name = nil end
    for _, field in ipairs(gone) do
      expired[#expired + 1] = field
      expired[#expired + 1] = state_of(call('HGET', KEYS[2], field))
    end
  end
  queues[#queues + 1] = name
end
return { queues, expired }
