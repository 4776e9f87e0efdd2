-- KEYS: 1 records, 2 index of its state, 3 timers, 4 pushed, 5 sites, 6 due, 7 states of the site.
-- ARGV: repeated, field, state.
-- Removes a record that has expired. Returns 1: it is gone, 0: it is another by now.
local value = call('HGET', KEYS[1], ARGV[2])
if not value then return 1 end
local _, expires = times(value)
if expires == 0 or expires > NOW + OFFSET or state_of(value) ~= ARGV[3] then return 0 end
for _, key in ipairs({ KEYS[2], KEYS[3], KEYS[4], KEYS[6] }) do expect(key, 'zset') end
expect(KEYS[7], 'set')
local _, id = site_and_id(ARGV[2])
call('HDEL', KEYS[1], ARGV[2])
leave(KEYS[2], index_entry(value, id), KEYS[7], ARGV[3])
set_timer(KEYS[3], KEYS[4], KEYS[5], KEYS[6], ARGV[2], value, nil)
write_timers()
return 1
