-- What came of a notification, if the receiver is still leased by whoever writes. KEYS: the lease, told, wanted, events,
-- the receivers' states, the log. ARGV: the lease's token, an id of this write, the receiver, its state, the log's
-- length, then three counts and what is counted: alerts told (id, blob), alerts of which nothing more is to be told (id,
-- the job that was the last), entries of the log. Returns 1, or 0 where the lease is somebody else's. The state begins with the id of the
-- write, so that one that is sent twice happens once.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local stored = redis.call('HGET', KEYS[5], ARGV[3])
if stored and string.sub(stored, 1, #ARGV[2]) == ARGV[2] then return 1 end
local told, done, entries = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local at = 9
for _ = 1, told do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, done do
  -- A newer revision may have come meanwhile: it stays.
  if redis.call('HGET', KEYS[3], ARGV[at]) == ARGV[at + 1] then
    redis.call('HDEL', KEYS[3], ARGV[at])
    redis.call('HDEL', KEYS[4], ARGV[at])
    redis.call('HDEL', KEYS[2], ARGV[at])
  end
  at = at + 2
end
for _ = 1, entries do
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[5], '*', 'entry', ARGV[at])
  at = at + 1
end
redis.call('HSET', KEYS[5], ARGV[3], ARGV[2] .. ARGV[4])
return 1
