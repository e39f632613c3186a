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

-- Writes a run of the current epoch, unless it is there: then it may have been sold from already.
-- KEYS: bucket, state, holds. ARGV: epoch, version, count of field/value pairs of the state, they, then hold/record pairs.
local function open_run(keys, args)
  local epoch, field_count = args[1], tonumber(args[3])
  if redis.call('HGET', keys[1], 'epoch') ~= epoch then return { 'EPOCH' } end
  if redis.call('HGET', keys[2], 'epoch') == epoch then return { 'EXISTS' } end
  redis.call('DEL', keys[2], keys[3])
  redis.call('HSET', keys[2], 'epoch', epoch, 'version', args[2], unpack(args, 4, 3 + field_count * 2))
  for index = 4 + field_count * 2, #args, 2 do redis.call('HSET', keys[3], args[index], args[index + 1]) end
  return { 'OK' }
end

-- KEYS: bucket, state, holds, layout. ARGV: epoch, '1' or '0'.
local function set_open(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local run, problem = load_run(keys, 2, args[1])
  if not run then return { problem } end
  run.version = run.version + 1
  save_run(run)
  redis.call('HSET', run.state_key, 'open', args[2])
  return { 'OK', version_text(run) }
end

-- One consistent picture. KEYS: bucket, state, holds. ARGV: epoch, '1' to include the records of holds.
-- Answers status, version, open, segments, standing, count of classes, (class, bytes) …, (hold, record) …
local function snapshot(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local all = redis.call('HGETALL', keys[2])
  local state, classes = {}, {}
  for index = 1, #all, 2 do
    state[all[index]] = all[index + 1]
    local code = string.match(all[index], '^c(%d)$')
    if code then
      classes[#classes + 1] = code
      classes[#classes + 1] = all[index + 1]
    end
  end
  if state.epoch ~= args[1] then return { 'MISSING' } end
  local answer = { 'OK', state.version, state.open, state.segments, state.standing or '', #classes / 2 }
  for _, part in ipairs(classes) do answer[#answer + 1] = part end
  if args[2] == '1' then
    for _, part in ipairs(redis.call('HGETALL', keys[3])) do answer[#answer + 1] = part end
  end
  return answer
end

-- Replaces bitmaps by what the ledger says, if nothing happened to the run since it was read.
-- KEYS: bucket, state. ARGV: epoch, version that was read, field/value pairs.
local function repair(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local fields = redis.call('HMGET', keys[2], 'epoch', 'version')
  if fields[1] ~= args[1] then return { 'MISSING' } end
  if fields[2] ~= args[2] then return { 'MOVED' } end
  next_sequence(keys[1])
  local version = string.format('%.0f', tonumber(fields[2]) + 1)
  redis.call('HSET', keys[2], 'version', version, unpack(args, 3))
  return { 'OK', version }
end

redis.register_function { function_name = 'inventory_v1_begin', callback = ready(begin), flags = { 'allow-oom' } }
redis.register_function('inventory_v1_finish', ready(finish))
redis.register_function('inventory_v1_put_layouts', ready(put_layouts))
redis.register_function('inventory_v1_open_run', ready(open_run))
redis.register_function('inventory_v1_set_open', ready(set_open))
redis.register_function { function_name = 'inventory_v1_snapshot', callback = ready(snapshot), flags = { 'no-writes' } }
redis.register_function('inventory_v1_repair', ready(repair))
