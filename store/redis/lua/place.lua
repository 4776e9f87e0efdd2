-- KEYS: parked.  ARGV: again, the id of an entry.  Its member and when it was parked, or nothing. Ids have no signs of patterns.
local cursor = '0'
repeat
  local got = redis.call('ZSCAN', KEYS[1], cursor, 'MATCH', ARGV[2] .. '|*', 'COUNT', 1000)
  if #got[2] > 0 then return got[2] end
  cursor = got[1]
until cursor == '0'
return {}
