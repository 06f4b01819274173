-- Change a health alert that is still as it was read, and put the event that tells of it into the outbox. KEYS: alerts,
-- outbox. ARGV: the alert's name, the alert as it was read ('': none), the new one ('': it is over), the event's id ('':
-- nothing is told), the event. Returns 1 if it is now as wanted, 0 if somebody else has changed it.
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored == ARGV[3] then return 1 end
if stored ~= ARGV[2] then return 0 end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], ARGV[4], ARGV[5]) end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 1
