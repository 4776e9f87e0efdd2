-- A packed set holds entries of one width in the order of their bytes; the first six are a time. It is a sorted set of
-- chunks, all with the score 0, so the server orders them by their bytes too; a chunk is up to CHUNK bytes of entries,
-- one after the other. An entry costs a few bytes more than its width; as a member of a sorted set it would cost a
-- hundred more. No entry begins with the byte 255.
local CHUNK = 506 -- with what the server adds it fills 512 bytes
local SOON = 10 -- ms: how much later than the entries behind them others are committed, mostly

-- before reports whether a comes before b by their bytes; Lua's own < follows the server's locale. Entries mostly
-- differ in their times.
local function before(a, b)
  local same = 0
  if #a >= 6 and #b >= 6 then
    local x, y = struct.unpack('>I6', a), struct.unpack('>I6', b)
    if x ~= y then return x < y end
    same = 6
  end
  for i = same + 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- is_damaged reports whether a chunk is no row of entries of w bytes. It must stop nothing but itself.
local function is_damaged(chunk, w) return #chunk < w or #chunk % w ~= 0 end

-- mend takes a damaged chunk out, and puts back those of its entries that are whole.
local function mend(set, chunk, w)
  call('ZREM', set, chunk)
  local whole = string.sub(chunk, 1, #chunk - #chunk % w)
  if whole ~= '' then call('ZADD', set, '0', whole) end
end

-- find_chunk returns what chunk_of does, and perhaps a damaged chunk.
local function find_chunk(set, entry)
  local last = call('ZREVRANGE', set, '0', '0')[1]
  if not last or is_damaged(last, #entry) then return last, -1 end
  local ahead = struct.unpack('>I6', last) - struct.unpack('>I6', entry)
  if ahead < 0 then return last, ahead end
  return call('ZREVRANGEBYLEX', set, '(' .. entry .. '\255', '-', 'LIMIT', '0', '1')[1]
    or call('ZRANGEBYLEX', set, '-', '+', 'LIMIT', '0', '1')[1], ahead
end

-- chunk_of returns the chunk that an entry is in or belongs into: the last one that does not begin after it, or the
-- first one; nil if there is none. It also returns how long before the beginning of the last chunk of all the entry is,
-- in ms; negative: it belongs into that one, as it mostly does.
local function chunk_of(set, entry)
  local chunk, ahead = find_chunk(set, entry)
  while chunk and is_damaged(chunk, #entry) do
    mend(set, chunk, #entry)
    chunk, ahead = find_chunk(set, entry)
  end
  return chunk, ahead
end

-- offset returns how many bytes of a chunk come before an entry.
local function offset(chunk, entry)
  local w, at = #entry, struct.unpack('>I6', entry)
  if struct.unpack('>I6', chunk, #chunk - w + 1) < at then return #chunk end
  local low, high = 0, #chunk / w
  while low < high do
    local middle = math.floor((low + high) / 2)
    local other = struct.unpack('>I6', chunk, middle * w + 1)
    if other < at or (other == at and before(string.sub(chunk, middle * w + 1, middle * w + w), entry)) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low * w
end

-- drop_chunk removes a chunk, by its place or by its first entry, of w bytes, so that the append-only file does not
-- repeat all of it.
local function drop_chunk(set, chunk, w, last)
  if last then
    call('ZREMRANGEBYRANK', set, '-1', '-1')
  else
    local first = string.sub(chunk, 1, w)
    call('ZREMRANGEBYLEX', set, '[' .. first, '(' .. first .. '\255')
  end
end

-- behind returns the chunk behind another, for entries of w bytes; nil if there is none, or it is damaged.
local function behind(set, chunk, w)
  local after = call('ZRANGEBYLEX', set, '(' .. chunk, '+', 'LIMIT', '0', '1')[1]
  return after and not is_damaged(after, w) and after or nil
end

-- split adds an entry behind the first at bytes of a full chunk. Entries mostly come about in order: so a chunk that
-- grows at its end is left full, and what comes after that joins the chunk behind it if there is room.
local function split(set, chunk, at, entry)
  local w = #entry
  local half = at > #chunk / 2 and at or math.floor(#chunk / w / 2) * w
  local left, right = string.sub(chunk, 1, half), string.sub(chunk, half + 1)
  if at >= half then
    right = entry .. right
  else
    left = string.sub(chunk, 1, at) .. entry .. string.sub(left, at + 1)
  end
  local after = behind(set, chunk, w)
  if after and #right + #after <= CHUNK then
    drop_chunk(set, after, w)
    right = right .. after
  end
  if left ~= chunk then
    drop_chunk(set, chunk, w)
    call('ZADD', set, '0', left)
  end
  call('ZADD', set, '0', right)
end

-- pack_newest makes full chunks of those at the end that are not.
local function pack_newest(set, w)
  local newest, n, bytes = call('ZREVRANGE', set, '0', '63'), 0, 0
  while newest[n + 1] and not is_damaged(newest[n + 1], w) and #newest[n + 1] + w <= CHUNK do
    n = n + 1
    bytes = bytes + #newest[n]
  end
  if bytes <= CHUNK then return end
  local parts = {}
  for i = n, 1, -1 do parts[#parts + 1] = newest[i] end
  local all, size = table.concat(parts), math.floor(CHUNK / w) * w
  call('ZREMRANGEBYRANK', set, -n, '-1')
  for at = 1, bytes, size do call('ZADD', set, '0', string.sub(all, at, at + size - 1)) end
end

-- add_entry adds an entry that is not there. It returns true if the set was empty. An entry at the end is at first a
-- chunk of its own, so that a full one is written once and not for each of its entries: one behind all others, or
-- before some that were made at about the same time by somebody else, and were committed sooner.
local function add_entry(set, entry)
  local w, chunk, ahead = #entry, chunk_of(set, entry)
  local at = chunk and offset(chunk, entry)
  if not chunk or ahead < SOON and at == #chunk then
    call('ZADD', set, '0', entry)
    if TIME[2] % 8 == 0 then pack_newest(set, w) end
  elseif #chunk + w > CHUNK then
    split(set, chunk, at, entry)
  else
    drop_chunk(set, chunk, w, ahead < 0)
    call('ZADD', set, '0', string.sub(chunk, 1, at) .. entry .. string.sub(chunk, at + 1))
  end
  return not chunk
end

-- merged returns a chunk, or nil, with the entries of a list from first to last, which belong into it.
local function merged(chunk, entries, first, last)
  if not chunk then return table.concat(entries, '', first, last) end
  local parts, from = {}, 1
  for i = first, last do
    local at = offset(chunk, entries[i])
    parts[#parts + 1] = string.sub(chunk, from, at)
    parts[#parts + 1] = entries[i]
    from = at + 1
  end
  parts[#parts + 1] = string.sub(chunk, from)
  return table.concat(parts)
end

-- add_entries adds entries that are not there, in their order, and returns true if the set was empty. What belongs into
-- one chunk is added to it together, and the chunk becomes several of about the same size; what comes behind all others
-- fills chunks.
local function add_entries(set, entries)
  local w, first, empty = #entries[1], 1, false
  local most = math.floor(CHUNK / w)
  while first <= #entries do
    local chunk, ahead = chunk_of(set, entries[first])
    local after = chunk and ahead >= 0 and call('ZRANGEBYLEX', set, '(' .. chunk, '+', 'LIMIT', '0', '1')[1]
    empty = empty or not chunk
    local last = first
    while last < #entries and not (after and before(after, entries[last + 1])) do last = last + 1 end
    local all = merged(chunk, entries, first, last)
    local each = most
    if after then each = math.ceil(#all / w / math.ceil(#all / w / most)) end
    if chunk then drop_chunk(set, chunk, w, ahead < 0) end
    local chunks = {}
    for at = 1, #all, each * w do
      chunks[#chunks + 1] = '0'
      chunks[#chunks + 1] = string.sub(all, at, at + each * w - 1)
    end
    call('ZADD', set, unpack(chunks))
    first = last + 1
  end
  return empty
end

-- remove_entry removes an entry if it is there. A chunk that becomes small joins the one behind it.
local function remove_entry(set, entry)
  local w, chunk = #entry, chunk_of(set, entry)
  local at = chunk and offset(chunk, entry)
  if not chunk or string.sub(chunk, at + 1, at + w) ~= entry then return end
  local rest = string.sub(chunk, 1, at) .. string.sub(chunk, at + w + 1)
  if #rest > 0 and #rest < CHUNK / 4 then
    local after = behind(set, chunk, w)
    if after and #rest + #after < CHUNK * 3 / 4 then
      drop_chunk(set, after, w)
      rest = rest .. after
    end
  end
  drop_chunk(set, chunk, w)
  if rest ~= '' then call('ZADD', set, '0', rest) end
end

-- What the script changes of packed sets, by set: write_entries writes it, all that a set gets together.
local changing = {}

local function changes_of(set)
  local of = changing[set] or { leaving = {}, entering = {} }
  changing[set] = of
  return of
end

-- The states of a site are a set, which has of each index the state, for ever; '+' state while the index is not empty,
-- so that one that is gone is missed (shard.lua); and '!' state since it was missed.

-- enter adds an entry that is not there. states and state are given if the set is an index.
local function enter(set, entry, states, state)
  local of = changes_of(set)
  table.insert(of.entering, entry)
  of.states, of.state = states, state
end

-- leave removes an entry if it is there. states and state as of enter.
local function leave(set, entry, states, state)
  local of = changes_of(set)
  table.insert(of.leaving, entry)
  of.states, of.state = states, state
end

-- note_filled notes that an index has entries from now on. That it had some before, and has lost them, is noted, too.
local function note_filled(states, state, was_empty)
  call('SADD', states, state)
  if call('SADD', states, '+' .. state) == 0 and not was_empty then call('SADD', states, '!' .. state) end
end

-- sort sorts entries, which mostly are in order.
local function sort(entries)
  for i = 2, #entries do
    if before(entries[i], entries[i - 1]) then return table.sort(entries, before) end
  end
end

local function write_entries()
  for set, of in pairs(changing) do
    local entering, empty, leaves = of.entering, false, #of.leaving > 0
    if leaves and of.states and call('EXISTS', set) == 0 then call('SADD', of.states, '!' .. of.state) end
    for _, entry in ipairs(of.leaving) do remove_entry(set, entry) end
    if #entering == 1 then
      empty = add_entry(set, entering[1])
    elseif #entering > 1 then
      sort(entering)
      empty = add_entries(set, entering)
    end
    if empty and of.states then
      note_filled(of.states, of.state, leaves)
    elseif leaves and of.states and call('EXISTS', set) == 0 then
      call('SREM', of.states, '+' .. of.state)
    end
  end
  changing = {}
end
