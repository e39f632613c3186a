-- Changes of holds. Each function checks the epoch, decides on decoded bits, then writes.

local function next_sequence(bucket_key)
  return redis.call('HINCRBY', bucket_key, 'sequence', 1)
end

local function hold_one(run, hold)
  local known = record_of(run, hold.id)
  if known then
    if known.b ~= hold.body then return { s = 'CONFLICT' } end
    return { s = 'HELD', replay = true, v = known.v, r = version_text(run), p = known.p }
  end
  if not run.open then return { s = 'RUN_CLOSED' } end
  local outcome, places = place_group(run, hold)
  if not places then return { s = outcome } end
  run.version = run.version + 1
  run.dirty = true
  run.records[hold.id] = { v = 1, o = hold.owner, b = hold.body, p = places }
  return { s = 'HELD', v = 1, r = version_text(run), p = places }
end

-- KEYS: bucket, then state, holds and layout of each run. ARGV: epoch, JSON list of holds; `run` counts runs from 0.
-- Answers status, sequence and a JSON list of outcomes. A run that is missing answers for its own holds only.
local function hold(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local runs, problems, outcomes = {}, {}, {}
  for position, wanted in ipairs(cjson.decode(args[2])) do
    local index = wanted.run
    if not runs[index] and not problems[index] then
      runs[index], problems[index] = load_run(keys, 2 + index * 3, args[1])
    end
    outcomes[position] = runs[index] and hold_one(runs[index], wanted) or { s = problems[index] }
  end
  for _, run in pairs(runs) do
    if run.dirty then save_run(run) end
  end
  return { 'OK', next_sequence(keys[1]), cjson.encode(outcomes) }
end

-- The record of a hold when it is this owner's and has this version of seats; else nil.
local function own_record(run, hold_id, owner, seat_version)
  local record = record_of(run, hold_id)
  if not record or record.o ~= owner or record.v ~= tonumber(seat_version) then return nil end
  return record
end

-- KEYS: bucket, state, holds, layout. ARGV: epoch, hold id, owner, seat version, JSON of the places to free ('*' for all
-- of the record), JSON of the places that stay ('' for none). Frees only by consuming the record, so a repeat changes nothing.
local function release(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local run, problem = load_run(keys, 2, args[1])
  if not run then return { problem } end
  local record = own_record(run, args[2], args[3], args[4])
  next_sequence(keys[1])
  if not record then return { 'NONE', version_text(run) } end
  for _, place in ipairs(args[5] == '*' and record.p or cjson.decode(args[5])) do mark(run, place, true) end
  if args[6] == '' then
    run.dropped[args[2]] = true
  else
    run.records[args[2]] = { v = record.v + 1, o = record.o, b = record.b, p = cjson.decode(args[6]) }
  end
  run.version = run.version + 1
  save_run(run)
  return { 'OK', version_text(run) }
end

-- The record of a sold hold is put back before its ledger row is released, so that the seats can be freed by it.
-- ARGV: epoch, hold id, owner, seat version, body, JSON of the places. The version moves, so that a repair that has read
-- the run before is refused.
local function reclaim(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local run, problem = load_run(keys, 2, args[1])
  if not run then return { problem } end
  next_sequence(keys[1])
  if record_of(run, args[2]) then return { 'OK', version_text(run) } end
  run.records[args[2]] = { v = tonumber(args[4]), o = args[3], b = args[5], p = cjson.decode(args[6]) }
  run.version = run.version + 1
  save_run(run)
  return { 'OK', version_text(run) }
end

-- Drops the record of a hold that was sold; its seats stay taken. ARGV: epoch, hold id, owner, seat version.
local function sell(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local run, problem = load_run(keys, 2, args[1])
  if not run then return { problem } end
  next_sequence(keys[1])
  if not own_record(run, args[2], args[3], args[4]) then return { 'NONE', version_text(run) } end
  run.dropped[args[2]] = true
  run.version = run.version + 1
  save_run(run)
  return { 'OK', version_text(run) }
end

redis.register_function('inventory_v1_hold', ready(hold))
redis.register_function { function_name = 'inventory_v1_release', callback = ready(release), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v1_reclaim', callback = ready(reclaim), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v1_sell', callback = ready(sell), flags = { 'allow-oom' } }
