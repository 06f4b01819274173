-- Shared head of the scripts that touch an instance. KEYS[1] is its state; all its keys differ from it in their last
-- part only and share its hash tag. Lua in Redis does not roll back: types are checked before anything is written.
local base = string.sub(KEYS[1], 1, -6)

local function wrong_type(kinds)
  for i = 1, #kinds, 2 do
    local suffix, kind = kinds[i], kinds[i + 1]
    local found = redis.call('TYPE', base .. suffix).ok
    if found ~= 'none' and found ~= kind then
      return suffix .. ' holds a ' .. found .. ', not a ' .. kind
    end
  end
end

-- Why a step may not be applied, or nil. The offset is compared as text: a Lua number is a double.
local function refusal(from, to)
  if redis.call('EXISTS', base .. 'journal') == 1 then return 'pending' end
  local stored = redis.call('HGET', KEYS[1], 'offset') or ''
  if stored == to then return 'already' end
  if stored ~= from then return 'superseded' end
end

local function run(part)
  for _, step in ipairs(cmsgpack.unpack(part)) do
    step[2] = base .. step[2]
    redis.call(unpack(step))
  end
end
