-- counts_in returns the counts of a day by their names; none if there are none, or if they are damaged: that day then
-- begins anew, and signups go on.
local function counts_in(packed)
  local ok, counts = pcall(cmsgpack.unpack, packed or '')
  if not ok or type(counts) ~= 'table' then return {} end
  for name, n in pairs(counts) do
    if type(name) ~= 'string' or type(n) ~= 'number' then return {} end
  end
  return counts
end

