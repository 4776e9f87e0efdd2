-- What only a server can do that runs scripts, has room, can write its file, and is a master. SET comes first: what
-- follows a write in a script is not refused for want of room.
-- KEYS: one to try on.
local key, failed = KEYS[1], nil

local function try(name, ...)
  local reply = redis.pcall(name, ...)
  if failed or type(reply) ~= 'table' or not reply.err then return end
  local forbidden = string.find(reply.err, 'this command') or string.find(reply.err, 'ACL failure')
  failed = redis.error_reply((forbidden and 'NOPERM ' .. name .. ': ' or '') .. reply.err)
end

try('SET', key, '0', 'PX', 60000)
if failed then return failed end

-- Each other command that optin runs; a user may be forbidden single ones. The key changes its type, and goes.
for _, command in ipairs({
  {'GET', key}, {'MGET', key}, {'EXISTS', key}, {'SETRANGE', key, 0, ''}, {'APPEND', key, ''}, {'INCR', key},
  {'EXPIRE', key, 60}, {'PEXPIRE', key, 0},
  {'HSETNX', key, 'f', 0}, {'HSET', key, 'f', 0}, {'HINCRBY', key, 'f', 1}, {'HGET', key, 'f'}, {'HMGET', key, 'f'},
  {'HEXISTS', key, 'f'}, {'HGETALL', key}, {'HLEN', key}, {'HSCAN', key, 0}, {'HDEL', key, 'f'},
  {'SADD', key, 'm'}, {'SMEMBERS', key}, {'SREM', key, 'm'}, {'PEXPIRE', key, 0},
  {'ZADD', key, 'XX', 0, 'm'}, {'ZREM', key, 'm'}, {'ZCARD', key}, {'ZCOUNT', key, 0, 0}, {'ZSCORE', key, 'm'},
  {'ZRANGE', key, 0, 0}, {'ZRANGEBYLEX', key, '-', '+'}, {'ZRANGEBYSCORE', key, 0, 0}, {'ZREVRANGE', key, 0, 0},
  {'ZREVRANGEBYLEX', key, '+', '-'}, {'ZREMRANGEBYLEX', key, '-', '+'}, {'ZREMRANGEBYRANK', key, 0, 0},
  {'TIME'}, {'TYPE', key},
}) do
  try(unpack(command))
end
if failed then return failed end
return true
