-- KEYS: the mark of a shard.  ARGV: repeated, old mark, '' for none, new mark.
-- Returns 1: it is the new mark; 0: it is another one. A shard that has none takes the new one.
local current = call('GET', KEYS[1])
if current and current ~= ARGV[2] and current ~= ARGV[3] then return 0 end
if current ~= ARGV[3] then call('SET', KEYS[1], ARGV[3]) end
return 1
