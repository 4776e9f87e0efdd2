-- KEYS: a bucket.  ARGV: repeated, mark, its spec, when it was taken: the slice of the first limit, '0' for a log.
-- Takes out what one call took a moment ago. Returns 1.
local b = read_spec(KEYS[1], ARGV[3])
local value = call('GET', b.key)
if not value then return 1 end
if b.exact then
  for i = #value / 12, 1, -1 do
    if string.sub(value, i * 12 - 6, i * 12 - 3) == ARGV[2] then
      call('SET', b.key, string.sub(value, 1, i * 12 - 12) .. string.sub(value, i * 12 + 1), 'KEEPTTL')
      break
    end
  end
  return 1
end
local rings, slice = {}, tonumber(ARGV[4])
local at = slice * slice_width(b.limits[1].per)
for i, l in ipairs(b.limits) do
  local ring, now, sum = ring_of(value, l)
  local s = math.floor(at / slice_width(l.per))
  -- Slices of the first limit may be longer than this one's: then the newest that holds one not before it.
  while s < now and counter(ring, s) == 0 do s = s + 1 end
  local n = s > now - SLICES and s <= now and counter(ring, s) or 0
  if n > 0 then
    ring = with_counter(ring, s, n - 1)
    ring = string.sub(ring, 1, 12) .. struct.pack('>I4', sum - 1) .. string.sub(ring, 17)
  end
  rings[i] = ring
end
call('SET', b.key, table.concat(rings), 'KEEPTTL')
return 1
