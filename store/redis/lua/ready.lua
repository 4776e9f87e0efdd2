-- What only a server can do that runs scripts, has room, can write its file, and is a master. SET comes first: what
-- follows a write in a script is not refused for want of room.
-- KEYS: 1 one to try on; if it is kept when this was asked: 2 where, 3 the records.
-- ARGV: 1 when it was asked at the latest, as is known, 2 the field of the mark: in a store without it nothing is kept.
-- Returns {when it was asked before, ms, or false; and now}: always later, unless before is earlier than what is known.
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
  {'SADD', key, 'm'}, {'SMEMBERS', key}, {'PEXPIRE', key, 0},
  {'ZADD', key, 'XX', 0, 'm'}, {'ZREM', key, 'm'}, {'ZCARD', key}, {'ZCOUNT', key, 0, 0}, {'ZSCORE', key, 'm'},
  {'ZRANGE', key, 0, 0}, {'ZRANGEBYLEX', key, '-', '+'}, {'ZRANGEBYSCORE', key, 0, 0}, {'ZREVRANGE', key, 0, 0},
  {'ZREVRANGEBYLEX', key, '+', '-'}, {'ZREMRANGEBYLEX', key, '-', '+'}, {'ZREMRANGEBYRANK', key, 0, 0},
  {'TIME'}, {'TYPE', key},
}) do
  try(unpack(command))
end
if failed then return failed end

local known, clock = tonumber(ARGV[1]), redis.call('TIME')
-- A key of another type is named by types.lua.
if not KEYS[2] or redis.pcall('HEXISTS', KEYS[3], ARGV[2]) ~= 1 then return { false, known } end
local before = redis.call('GET', KEYS[2])
if before and (tonumber(before) or 0) < known then return { before, known } end
local now = math.max((tonumber(before or 0) or 0) + 1, clock[1] * 1000 + math.floor(clock[2] / 1000))
redis.call('SET', KEYS[2], string.format('%.0f', now))
return { before, now }
