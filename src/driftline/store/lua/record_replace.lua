-- Change a record that is still as it was read. KEYS: as for record_add. ARGV: id, the record as it was read, the new one
-- ('': remove it), owner, a new revision. Returns 1 if it is now as wanted, 0 if somebody else has changed it.
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored == ARGV[3] then return 1 end
if stored ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
  if redis.call('HINCRBY', KEYS[2], ARGV[4], -1) < 1 then redis.call('HDEL', KEYS[2], ARGV[4]) end
end
redis.call('SET', KEYS[3], ARGV[5])
return 1
