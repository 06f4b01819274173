-- Keep a new record. KEYS: records by id, counts by owner, revision. ARGV: id, record, owner, the most an owner may have,
-- the most there may be, a new revision. Returns what became of it.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 'kept' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 'full' end
local has = tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or '0')
if has >= tonumber(ARGV[4]) then return 'owner_full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
redis.call('SET', KEYS[3], ARGV[6])
return 'kept'
