-- What a script has written stays when a later command of it is refused. So what may be refused then is known before it
-- writes: a command that the user may not run (ALLOWED names all of them; before Redis 7 nobody says), and a key that
-- has another type.
if redis.acl_check_cmd then
  for command in string.gmatch(ALLOWED, '%u+') do
    if not redis.acl_check_cmd(command, KEYS[1]) then
      return redis.error_reply("NOPERM this user has no permissions to run the '" .. string.lower(command)
        .. "' command, or to touch its keys")
    end
  end
end

local expected = {}

-- expect fails unless a key has a type, or is not there.
local function expect(key, right)
  if expected[key] then return end
  local is = call('TYPE', key).ok
  if is ~= 'none' and is ~= right then
    error(redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. right))
  end
  expected[key] = true
end

