-- KEYS: what is kept under a name.  ARGV: again, old value, new value, ms.  1: replaced; 0: another is kept, or none
local held = redis.call('GET', KEYS[1])
if held == ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  return 1
end
if ARGV[1] == '1' and held == ARGV[3] then return 1 end -- by the attempt whose reply was lost
return 0
