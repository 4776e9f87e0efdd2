-- KEYS: the records of a shard, what Ready knows.
-- ARGV: repeated, old mark, '' for none, new mark, field of the mark.
-- Returns 1: it is the new mark; 0: it is another one. A shard that has none takes the new one, and is new.
local current = call('HGET', KEYS[1], ARGV[4])
if current and current ~= ARGV[2] and current ~= ARGV[3] then return 0 end
if not current then call('HSET', KEYS[2], 'asked', string.format('%.0f', NOW)) end
if current ~= ARGV[3] then call('HSET', KEYS[1], ARGV[4], ARGV[3]) end
return 1
