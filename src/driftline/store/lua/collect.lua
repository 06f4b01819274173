-- Remove entries of expired groups that still carry their group's number. ARGV: about how many ids to look at.
-- Returns how many were looked at and how many groups are left.
local wrong = wrong_type({'expired', 'set', 'groups', 'set', 'entries', 'hash'})
if wrong then return 'broken ' .. wrong end
local done, steps, budget = 0, 0, tonumber(ARGV[1])
while done < budget and steps < budget do
  steps = steps + 1
  local number = redis.call('SRANDMEMBER', base .. 'expired')
  if not number then break end
  local packed = redis.call('LPOP', base .. 'group:' .. number)
  if packed then
    local ids, mark, gone = cmsgpack.unpack(packed), struct.pack('<I4', tonumber(number)), {}
    for i, entry in ipairs(redis.call('HMGET', base .. 'entries', unpack(ids))) do
      if entry and string.sub(entry, 1, 4) == mark then gone[#gone + 1] = ids[i] end
    end
    if #gone > 0 then redis.call('HDEL', base .. 'entries', unpack(gone)) end
    done = done + #ids
  else
    redis.call('SREM', base .. 'expired', number)
    redis.call('SREM', base .. 'groups', number)
  end
end
return {done, redis.call('SCARD', base .. 'expired')}
