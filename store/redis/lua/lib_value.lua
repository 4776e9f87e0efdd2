-- How a record is laid out (value.go reads the same):
--   1-16 version | 17-22 when it was committed, ms of this server's clock | 23 count | count * 16 earlier versions
--   then, as the store's process packed it: length of the state | state | created | expires | data
local RECENT = 10000 -- ms: how long an attempt may be repeated and still be recognised
local MOST = 32 * 16 -- bytes: the earlier versions that one value carries

-- clock returns this server's time in ms.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- state_of returns the state of a record.
local function state_of(value)
  local at = 24 + 16 * string.byte(value, 23)
  return string.sub(value, at + 1, at + string.byte(value, at))
end

-- has_version reports whether a row of versions holds one. Versions are random, so a match across two of them does
-- not happen.
local function has_version(versions, version)
  return string.find(versions, version, 1, true) ~= nil
end
