-- KEYS: a cell.  ARGV: repeated, value, ms.  Returns the other value that it holds, or false: it holds this one.
local current = call('GET', KEYS[1])
if current and current ~= ARGV[2] then return current end
if not current then call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return false
