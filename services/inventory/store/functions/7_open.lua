-- Opening, rebuilding, reading and repairing. Only these write what the ledger says; the others only change it.

-- A bucket begins an epoch closed. An older process can't take it back. KEYS: bucket. ARGV: epoch.
local function begin(keys, args)
  local known = tonumber(redis.call('HGET', keys[1], 'epoch') or '0')
  if known > tonumber(args[1]) then return { 'EPOCH' } end
  if known < tonumber(args[1]) then redis.call('HSET', keys[1], 'epoch', args[1], 'sequence', 0, 'open', 0) end
  return { 'OK' }
end

-- KEYS: bucket. ARGV: epoch.
local function finish(keys, args)
  if redis.call('HGET', keys[1], 'epoch') ~= args[1] then return { 'EPOCH' } end
  redis.call('HSET', keys[1], 'open', 1)
  return { 'OK' }
end

-- KEYS: layouts. ARGV: their JSON. Names carry the hash of the content, so what is there is right.
local function put_layouts(keys, args)
  for index, key in ipairs(keys) do redis.call('SETNX', key, args[index]) end
  return { 'OK' }
end

local FIELDS_AT_ONCE = 1000

-- Writes a run of the current epoch, unless it is there: then it may have been sold from already.
-- KEYS: bucket, state, bits. ARGV: epoch, version, stamp, seats, then field/value pairs of the state, records among them.
local function open_run(keys, args)
  local epoch = args[1]
  if redis.call('HGET', keys[1], 'epoch') ~= epoch then return { 'EPOCH' } end
  if redis.call('HGET', keys[2], 'epoch') == epoch then return { 'EXISTS' } end
  redis.call('DEL', keys[2])
  redis.call('SET', keys[3], args[4])
  for first = 5, #args, FIELDS_AT_ONCE do redis.call('HSET', keys[2], unpack(args, first, math.min(#args, first + FIELDS_AT_ONCE - 1))) end
  redis.call('HSET', keys[2], 'epoch', epoch, 'at', args[2] .. ' ' .. args[3])
  return { 'OK' }
end

-- Sets a field of the state. KEYS: bucket, state, bits, layout. ARGV: epoch, stamp, field, value.
local function set_field(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local run, problem = load_run(keys, 2, args[1], {})
  if not run then return { problem } end
  if (redis.call('HGET', keys[2], args[3]) or '') == args[4] then return { 'NONE', version_text(run) } end
  run.version = run.version + 1
  redis.call('HSET', keys[2], args[3], args[4], 'at', version_text(run) .. ' ' .. args[2])
  -- The copy has the field as it was.
  run.at = false
  return { 'OK', version_text(run) }
end

-- One consistent picture. KEYS: bucket, state, bits. ARGV: epoch, '1' to include the records of holds.
-- Answers status, version and stamp, open, segments, standing, quotas, seats, then (field, value) of the records.
local function snapshot(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local state = redis.call('HMGET', keys[2], 'epoch', 'at', 'open', 'segments', 'standing', 'quotas')
  if state[1] ~= args[1] then return { 'MISSING' } end
  local answer = { 'OK', state[2], state[3], state[4], state[5] or '', state[6] or '', redis.call('GET', keys[3]) or '' }
  if args[2] == '1' then
    local all = redis.call('HGETALL', keys[2])
    for index = 1, #all, 2 do
      if string.sub(all[index], 1, 2) == 'h:' then
        answer[#answer + 1] = all[index]
        answer[#answer + 1] = all[index + 1]
      end
    end
  end
  return answer
end

-- Replaces seats by what the ledger says, if nothing happened to the run since it was read.
-- KEYS: bucket, state, bits. ARGV: epoch, version that was read, stamp, seats, field/value pairs.
local function repair(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local fields = redis.call('HMGET', keys[2], 'epoch', 'at')
  if fields[1] ~= args[1] then return { 'MISSING' } end
  local version = string.match(fields[2], '^%d+')
  if version ~= args[2] then return { 'MOVED' } end
  next_sequence(keys[1])
  local following = string.format('%d', tonumber(version) + 1)
  redis.call('SET', keys[3], args[4])
  redis.call('HSET', keys[2], 'at', following .. ' ' .. args[3], unpack(args, 5))
  return { 'OK', following }
end

redis.register_function { function_name = 'inventory_v3_begin', callback = ready(begin), flags = { 'allow-oom' } }
redis.register_function('inventory_v3_finish', ready(finish))
redis.register_function('inventory_v3_put_layouts', ready(put_layouts))
redis.register_function('inventory_v3_open_run', ready(open_run))
redis.register_function('inventory_v3_set_field', ready(set_field))
redis.register_function { function_name = 'inventory_v3_snapshot', callback = ready(snapshot), flags = { 'no-writes' } }
redis.register_function('inventory_v3_repair', ready(repair))
