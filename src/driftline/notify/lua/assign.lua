-- One revision of an alert becomes a job for each of its receivers, once. KEYS: what was seen of the alert, the counts
-- of jobs by receiver, then of each receiver what it is to know and the events. ARGV: the revision, what is seen now,
-- how many seconds that is kept (0: for good), the alert's id, its event, then of each receiver its name and the job.
-- Returns 1, or 0 for a revision that is not above the last one.
local seen = redis.call('GET', KEYS[1])
if seen and tonumber(string.match(seen, '^%d+')) >= tonumber(ARGV[1]) then return 0 end
for i = 3, #KEYS, 2 do
  redis.call('HSET', KEYS[i + 1], ARGV[4], ARGV[5])
  redis.call('HSET', KEYS[i], ARGV[4], ARGV[i + 4])
  redis.call('HINCRBY', KEYS[2], ARGV[i + 3], 1)
end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1
