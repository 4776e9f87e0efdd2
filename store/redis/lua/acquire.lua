-- KEYS: buckets.
-- ARGV: 1 repeated, 2 mark, 3 '1' if the mark is a taker's, 4 how many buckets, then the spec of each.
-- Takes one from every bucket if all of them have room. Returns for each bucket how long until it has room, in ms, 0:
-- it has; then '' if this call took nothing from it, else what undo.lua needs: the current slice, 0 for a log.
local list = {}
for i = 1, tonumber(ARGV[4]) do list[i] = { key = KEYS[i], spec = ARGV[4 + i] } end
local all, room = look_at_all(list, ARGV[2], ARGV[3] == '1' or ARGV[1] == '1')
if room then
  take_all(all)
  write_buckets()
end
local out = {}
for i, b in ipairs(all) do
  out[2 * i - 1] = math.max(0, b.wait)
  -- What stands under a mark that is no taker's was written by an earlier attempt of this call.
  local took = b.counted and ARGV[3] ~= '1' or room and not b.counted
  out[2 * i] = took and string.format('%.0f', b.first or 0) or ''
end
return out
