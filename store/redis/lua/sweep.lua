-- KEYS: an index, then records.  ARGV: repeated, the state that the index is of or '', then the records' ids.
-- Takes out of the index what is gone or has another state by now.
for i = 3, #ARGV do
  local value = redis.call('GET', KEYS[i - 1])
  if not value or (ARGV[2] ~= '' and state_of(value) ~= ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 1
