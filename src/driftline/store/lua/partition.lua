-- A partition's checkpoint. ARGV: from ('' for none), to, blob.
local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'hash' then return 'broken it is a ' .. found end
local stored = redis.call('HGET', KEYS[1], 'offset') or ''
if stored == ARGV[2] then return 'already' end
if stored ~= ARGV[1] then return 'superseded' end
redis.call('HSET', KEYS[1], 'offset', ARGV[2], 'blob', ARGV[3])
return 'applied'
