-- KEYS: a bucket.  ARGV: repeated, mark, its spec, when it was taken: the slice of the first limit, 0 for a log.
-- Takes out what one call took a moment ago. Returns 1.
local key, spec = KEYS[1], ARGV[3]
local value = call('GET', key)
if not value or #value % (string.byte(spec) == 101 and 12 or RING) ~= 0 then return 1 end
if string.byte(spec) == 101 then
  for at = #value - 11, 1, -12 do
    if string.sub(value, at + 5, at + 8) == ARGV[2] then
      call('SET', key, string.sub(value, 1, at - 1) .. string.sub(value, at + 12), 'KEEPTTL')
      break
    end
  end
  return 1
end
local taken = ARGV[4] * slice_width((struct.unpack('>I6', spec, 9)))
local rings = {}
for i = 5, #spec, 11 do
  local per = struct.unpack('>I6', spec, i + 4)
  local now, slice = math.floor(NOW / slice_width(per)), math.floor(taken / slice_width(per))
  local at, ring = ring_of(value, per, now)
  if at then
    -- The slices of the first limit may be longer than this one's: then the first that holds one may hold an earlier
    -- caller's, which is the safe side.
    for s = math.max(slice, now - 32), now do
      local place = s == now and 17 or 21 + 4 * (s % 33)
      local n = struct.unpack('>I4', ring, place)
      if n > 0 then
        local sum = struct.pack('>I4', struct.unpack('>I4', ring, 13) - 1)
        ring = string.sub(ring, 1, 12) .. sum .. string.sub(ring, 17, place - 1) .. struct.pack('>I4', n - 1)
          .. string.sub(ring, place + 4)
        break
      end
    end
    rings[#rings + 1] = ring
  end
end
call('SET', key, table.concat(rings), 'KEEPTTL')
return 1
