-- KEYS: the counts of a site.  ARGV: repeated, from, to.  Returns day, name, n for each count.
local from, to, out = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
for _, day in ipairs(call('HKEYS', KEYS[1])) do
  if tonumber(day) >= from and tonumber(day) <= to then
    for name, n in pairs(counts_in(call('HGET', KEYS[1], day))) do
      out[#out + 1] = day
      out[#out + 1] = name
      out[#out + 1] = string.format('%.0f', n)
    end
  end
end
return out
