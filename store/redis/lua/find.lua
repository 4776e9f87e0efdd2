-- KEYS: 1 records, 2 the mark of the store.  ARGV: repeated, then fields.
-- Returns the value of each field, nil where there is none, and behind them 1 if the mark is there, else 0.
local out = redis.call('HMGET', KEYS[1], unpack(ARGV, 2))
out[#ARGV] = redis.call('EXISTS', KEYS[2])
return out
