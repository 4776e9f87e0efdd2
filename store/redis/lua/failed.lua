-- KEYS: 1 failed, 2 jobs.
-- ARGV: repeated, n, id of the job to continue after, '' for none, when it failed, '' to look that up here.
-- Returns for up to n jobs, in the order in which they failed: id, when it failed, job.
local n, id, score = tonumber(ARGV[2]), ARGV[3], ARGV[4]
if id ~= '' and score == '' then score = call('ZSCORE', KEYS[1], id) or '' end
local out, skip, min = {}, 0, score
if min == '' then min = '-inf' end
repeat
  local got = call('ZRANGEBYSCORE', KEYS[1], min, '+inf', 'WITHSCORES', 'LIMIT', skip, n)
  for i = 1, #got, 2 do
    if score == '' or tonumber(got[i + 1]) > tonumber(score) or before(id, got[i]) then
      out[#out + 1] = got[i]
      out[#out + 1] = got[i + 1]
      out[#out + 1] = call('HGET', KEYS[2], got[i])
      if #out == 3 * n then return out end
    end
  end
  skip = skip + n
until #got < 2 * n
return out
