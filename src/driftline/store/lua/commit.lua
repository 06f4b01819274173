-- A large checkpoint, whose parts were staged in a hash before: from here on it has happened, and its parts are the
-- journal, which whoever comes next rolls forward. ARGV: from, to, types by key, name of the staged hash, its length.
local wrong = wrong_type(cmsgpack.unpack(ARGV[3]))
if wrong then return 'broken ' .. wrong end
local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local staged = base .. ARGV[4]
if redis.call('HLEN', staged) ~= tonumber(ARGV[5]) then return 'unstaged' end
redis.call('RENAME', staged, base .. 'journal')
redis.call('PERSIST', base .. 'journal')
redis.call('HSET', KEYS[1], 'offset', ARGV[2])
return 'applied'
