-- Keep a lease, or give it back. KEYS: the lease. ARGV: its token, milliseconds (0: give it back).
-- Returns 1, or 0 where it is somebody else's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
