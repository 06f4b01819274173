-- State and outbox of one moment, and whether there is garbage.
local wrong = wrong_type({'state', 'hash', 'outbox', 'hash', 'journal', 'hash', 'expired', 'set'})
if wrong then return 'broken ' .. wrong end
if redis.call('EXISTS', base .. 'journal') == 1 then return 'pending' end
return {
  redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', base .. 'outbox'),
  redis.call('EXISTS', base .. 'expired')
}
