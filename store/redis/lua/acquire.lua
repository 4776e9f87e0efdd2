-- KEYS: buckets.
-- ARGV: 1 repeated, 2 mark, 3 '1' if the mark is a taker's, 4 how many buckets, then the spec of each.
-- Takes one from every bucket if all of them have room. Returns for each bucket how long until it has room, in ms, 0: it
-- has; then '' if this call took nothing from it, else what undo.lua needs: the current slice, 0 for a log.
local mark, n = ARGV[2], tonumber(ARGV[4])
local all, room = look_at_all(1, 5, n, mark, ARGV[3] == '1' or ARGV[1] == '1')
if room then take_all(all, mark) end
local out = {}
for i, b in ipairs(all) do
  out[2 * i - 1] = math.max(0, b.wait)
  local took = room and not b.counted or (b.counted and ARGV[3] ~= '1')
  out[2 * i] = took and (b.exact and '0' or string.format('%.0f', b.rings[1].now)) or ''
end
return out
