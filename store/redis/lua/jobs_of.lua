-- KEYS: jobs.  ARGV: repeated, cursor, site and id of a record as packed.
-- Looks through a part of the jobs. Returns the next cursor, '0' at the end, then id and queue of each job of the
-- record.
local part = call('HSCAN', KEYS[1], ARGV[2], 'COUNT', '2000')
local out = { part[1] }
for i = 1, #part[2], 2 do
  local job = part[2][i + 1]
  local name = #job > 7 and job_queue(job) or ''
  if string.sub(job, 8 + #name, 7 + #name + #ARGV[3]) == ARGV[3] then
    out[#out + 1] = part[2][i]
    out[#out + 1] = name
  end
end
return out
