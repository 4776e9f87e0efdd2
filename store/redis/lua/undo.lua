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
b.rings = {}
local at = tonumber(ARGV[4]) * slice_width(b.limits[1].per)
for i, l in ipairs(b.limits) do
  local ring, now, sum = ring_of(value, l)
  local slice = math.floor(at / slice_width(l.per))
  -- The slices of the first limit may be longer than this one's: then the first that holds one may be an earlier
  -- caller's, which is the safe side.
  while slice < now and (slice <= now - SLICES or counter(ring, slice) == 0) do slice = slice + 1 end
  if slice <= now and counter(ring, slice) > 0 then ring = added(ring, slice, sum, -1) end
  b.rings[i] = { ring = ring }
end
call('SET', b.key, joined(b.rings), 'KEEPTTL')
return 1
