-- A checkpoint in one go. ARGV: from ('' for none), to, types by key, commands.
local wrong = wrong_type(cmsgpack.unpack(ARGV[3]))
if wrong then return 'broken ' .. wrong end
local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
run(ARGV[4])
redis.call('HSET', KEYS[1], 'offset', ARGV[2])
return 'applied'
