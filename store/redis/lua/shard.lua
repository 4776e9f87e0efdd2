-- What the keys say that all records of a shard share.
-- KEYS: when this was asked last, the records, and the others.
-- ARGV: repeated, when this was asked at the latest, as is known, by how many ms the data may be older than that, the
--       field of the mark, '1' if it is noted that this was asked; then the type of each key.
-- Returns {'type', the number of the first key that has another type, and that type}; {'older', when this was asked
-- before, ms}; or {'asked', when it was now}, which is always later.
for i, key in ipairs(KEYS) do
  local is = call('TYPE', key).ok
  if is ~= 'none' and is ~= ARGV[i + 5] then return { 'type', i, is } end
end

local known = tonumber(ARGV[2])
-- A store without a mark is not in use yet, or was emptied, which is noticed by that.
if call('HEXISTS', KEYS[2], ARGV[4]) == 0 then return { 'asked', ARGV[2] } end
local before = tonumber(call('GET', KEYS[1]) or 0)
if before + tonumber(ARGV[3]) < known then return { 'older', string.format('%.0f', before) } end
if ARGV[5] ~= '1' then return { 'asked', ARGV[2] } end
local now = string.format('%.0f', math.max(before + 1, known + 1, NOW))
call('SET', KEYS[1], now)
return { 'asked', now }
