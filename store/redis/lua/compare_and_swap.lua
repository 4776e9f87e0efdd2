-- KEYS: a cell.  ARGV: repeated, old value, new value, ms.
-- Returns 1: it holds the new value; 0: it holds another, or none.
local current = call('GET', KEYS[1])
if current == ARGV[2] then
  call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  return 1
end
if ARGV[1] == '1' and current == ARGV[3] then return 1 end -- by the attempt whose reply was lost
return 0
