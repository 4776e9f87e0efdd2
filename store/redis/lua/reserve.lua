-- KEYS: what is kept under a name.  ARGV: again, value, ms.  The value of another, or false: this one is kept
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[2] then return held end
if not held then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return false
