-- Make a deployment the current one. KEYS: deployment, superseded digests, format.
-- ARGV: digest, started_at, take over (1 or 0), a new life, format. Returns what happened and the digest replaced.
local current = redis.call('HGET', KEYS[1], 'digest')
if current == ARGV[1] then return {'current', ''} end
if ARGV[3] ~= '1' and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return {'superseded', ''} end
redis.call('SREM', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[5], 'NX')
if current then redis.call('SADD', KEYS[2], current) end
redis.call('HSETNX', KEYS[1], 'life', ARGV[4])
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'started_at', ARGV[2])
return {current and 'replaced' or 'first', current or ''}
