-- How a record is laid out (value.go reads the same):
--   1-8 version | 9-12 when it was committed, s of this server's clock | 13 count | count * 8 earlier versions
--   then, as the store's process packed it: created | expires | timer | length of the state | state | data
-- A time is 6 bytes: ms, plus OFFSET; 0 is none.
local RECENT = 10 -- s: how long an attempt may be repeated and still be recognised
local MOST = 32 * 8 -- bytes: the earlier versions that one value carries
local OFFSET = 2 ^ 46

-- tail_at returns where the part begins that the store's process packed.
local function tail_at(value) return 14 + 8 * string.byte(value, 13) end

-- is_whole reports whether a value is laid out like this. One that is not was damaged; it must stop nothing but itself.
local function is_whole(value)
  if #value < 13 then return false end
  local state = string.byte(value, tail_at(value) + 18)
  return state ~= nil and #value >= tail_at(value) + 18 + state
end

-- versions_of returns the version of a value and those before it.
local function versions_of(value) return string.sub(value, 1, 8) .. string.sub(value, 14, tail_at(value) - 1) end

-- value_of returns the value of a record that is committed now.
local function value_of(version, versions, tail)
  return version .. struct.pack('>I4', math.floor(NOW / 1000)) .. string.char(#versions / 8) .. versions .. tail
end

-- times returns when a record was created, expires, and when its timer is due, each with OFFSET.
local function times(value)
  return struct.unpack('>I6I6I6', value, tail_at(value))
end

local function state_of(value)
  local at = tail_at(value) + 18
  return string.sub(value, at + 1, at + string.byte(value, at))
end

-- is_recent reports whether a record was committed so lately that its attempt may still be repeated.
local function is_recent(value) return NOW / 1000 - struct.unpack('>I4', value, 9) < RECENT end

-- has_version reports whether a row of versions holds one. Versions are random, so a match across two of them does
-- not happen.
local function has_version(versions, version) return string.find(versions, version, 1, true) ~= nil end

-- site_and_id splits the field of a record.
local function site_and_id(field) return string.sub(field, 1, -18), string.sub(field, -17) end

-- index_entry returns the entry of a record in the index of its state.
local function index_entry(value, id)
  local at = tail_at(value)
  return string.sub(value, at, at + 5) .. id
end

