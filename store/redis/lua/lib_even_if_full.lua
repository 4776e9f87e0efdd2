-- A server that is full refuses every command that may need memory, but none of a script that has written already: it
-- would have to be undone. So this writes, and changes nothing: there is no such field.
redis.call('HDEL', KEYS[1], '')

