-- KEYS: failed.  ARGV: repeated, the id of a job.
-- Returns its member and when it failed, or nothing. No id holds a character that has a meaning in a pattern.
local cursor = '0'
repeat
  local got = redis.call('ZSCAN', KEYS[1], cursor, 'MATCH', ARGV[2] .. '|*', 'COUNT', 1000)
  if #got[2] > 0 then return got[2] end
  cursor = got[1]
until cursor == '0'
return {}
