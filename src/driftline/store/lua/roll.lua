-- Apply the journal's next part; returns how many are left. The part goes last: if it fails it is not lost, and
-- repeating it does no harm.
local journal, first = base .. 'journal', nil
for _, index in ipairs(redis.call('HKEYS', journal)) do
  if not first or tonumber(index) < tonumber(first) then first = index end
end
if not first then return 0 end
run(redis.call('HGET', journal, first))
redis.call('HDEL', journal, first)
return redis.call('HLEN', journal)
