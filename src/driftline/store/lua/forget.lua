-- Remove all keys of an instance at one stroke; their memory is freed in the background. Returns how many keys it was.
local doomed = {KEYS[1]}
for _, suffix in ipairs({'windows', 'entries', 'groups', 'expired', 'outbox', 'journal'}) do
  doomed[#doomed + 1] = base .. suffix
end
if redis.call('TYPE', base .. 'groups').ok == 'set' then
  for _, number in ipairs(redis.call('SMEMBERS', base .. 'groups')) do
    doomed[#doomed + 1] = base .. 'group:' .. number
  end
end
local removed = 0
for i = 1, #doomed, 500 do
  removed = removed + redis.call('UNLINK', unpack(doomed, i, math.min(i + 499, #doomed)))
end
return removed
