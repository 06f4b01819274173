-- Fields of one hash of an instance, given and returned packed: a client parses two strings faster than thousands.
-- ARGV: the key's last part, names. Returns lengths (four bytes each; all ones: not there) and values, each joined.
local key = base .. ARGV[1]
local found = redis.call('TYPE', key).ok
if found ~= 'none' and found ~= 'hash' then return 'broken ' .. ARGV[1] .. ' holds a ' .. found .. ', not a hash' end
local lengths, values = {}, {}
for i, value in ipairs(redis.call('HMGET', key, unpack(cmsgpack.unpack(ARGV[2])))) do
  lengths[i] = struct.pack('<I4', value and #value or 4294967295)
  if value then values[#values + 1] = value end
end
return {table.concat(lengths), table.concat(values)}
