local call = redis.call

-- NOW is this server's time in ms; it stands still while a script runs.
local TIME = call('TIME')
local NOW = TIME[1] * 1000 + math.floor(TIME[2] / 1000)

