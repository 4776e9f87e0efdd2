-- How a record is laid out (record.go reads the same):
--   1-16 version | 17-22 when it was committed, ms of this server's clock | 23 count | count * 16 earlier versions
--   then, as the store's process packed it: length of the state | state | created | expires | data
local RECENT = 10000 -- ms: how long an attempt may be repeated and still be found again
local MOST = 32 * 16 -- bytes: the earlier versions one value carries

local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function state_of(value)
  local at = 24 + 16 * string.byte(value, 23)
  return string.sub(value, at + 1, at + string.byte(value, at))
end

-- find looks for one version in a row of them. Versions are random, so a match across two of them does not happen.
local function find(versions, version)
  return string.find(versions, version, 1, true) ~= nil
end
