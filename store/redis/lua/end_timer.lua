-- KEYS: 1 due, 2 records, 3 timers, 4 pushed, 5 sites.
-- ARGV: repeated, field, 'fail'; 'at' and when it is due, '' for now; or 'renew' and how long the lease lasts, ms.
-- Ends the lease of a timer, or renews it. A timer that is not leased stays as it is. Returns 1.
local field, what, at = ARGV[2], ARGV[3], ARGV[4]
for _, key in ipairs({ KEYS[1], KEYS[3], KEYS[4] }) do expect(key, 'zset') end
if not call('ZSCORE', KEYS[4], field) then return 1 end
if what ~= 'fail' then
  if what == 'renew' then at = NOW + at end
  if at == '' then at = NOW end
  call('ZADD', KEYS[4], at, field)
  note_timers(KEYS[3], KEYS[4], KEYS[1])
  return 1
end
local value = call('HGET', KEYS[2], field)
if not value or not is_whole(value) then
  call('ZREM', KEYS[4], field)
  note_timers(KEYS[3], KEYS[4], KEYS[1])
  return 1
end
local timer = tail_at(value) + 12
local without = string.sub(value, 1, timer - 1) .. string.rep('\0', 6) .. string.sub(value, timer + 6)
call('HSET', KEYS[2], field, without)
set_timer(KEYS[3], KEYS[4], KEYS[5], KEYS[1], field, value, without)
write_timers()
return 1
