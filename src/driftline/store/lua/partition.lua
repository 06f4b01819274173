-- A partition's checkpoint. KEYS: the partition, the set of streams, then of each instance that was stored before it
-- state and registry. ARGV: from ('' for none), to, blob, then of each instance its stream and its name.
-- The instances have to be here, at this offset: a server that went back in between, as one that is killed may, has
-- lost them again, and with the position behind them nobody would apply their rows once more.
local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'hash' then return 'broken it is a ' .. found end
local stored = redis.call('HGET', KEYS[1], 'offset') or ''
if stored == ARGV[2] then return 'already' end
if stored ~= ARGV[1] then return 'superseded' end
for i = 3, #KEYS, 2 do
  if redis.call('HGET', KEYS[i], 'offset') ~= ARGV[2] then return 'superseded' end
  if redis.call('SISMEMBER', KEYS[2], ARGV[i + 1]) == 0 then return 'superseded' end
  if redis.call('SISMEMBER', KEYS[i + 1], ARGV[i + 2]) == 0 then return 'superseded' end
end
redis.call('HSET', KEYS[1], 'offset', ARGV[2], 'blob', ARGV[3])
return 'applied'
