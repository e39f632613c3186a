-- Changes of holds. Each function checks the epoch, decides on decoded bits, then writes.

local function next_sequence(bucket_key)
  return redis.call('HINCRBY', bucket_key, 'sequence', 1)
end

local NO_WISH = { flags = {}, letters = '', together = false, same_coach = false, required = false }

-- A hold as store/seat_codec.ts writes it: id, body, owner, from, to, items, and what is not usual.
local function hold_of(list)
  local items, more = {}, list[7] or {}
  for position, item in ipairs(list[6]) do items[position] = { id = item[1], classes = item[2], quotas = item[3] or NO_QUOTAS, seat = item[4] or nil } end
  return { id = list[1], body = list[2], owner = list[3], from = list[4], to = list[5], items = items, wish = more.wish or NO_WISH, changes = more.changes, replaces = more.replaces }
end

local function standing_by_segment(run, places)
  local counts = {}
  for segment = 1, run.segments do counts[segment] = 0 end
  for _, place in ipairs(places) do
    if tostring(place[2]) == STANDING then
      for segment = place[4] + 1, place[5] do counts[segment] = counts[segment] + 1 end
    end
  end
  return counts
end

-- Takes again what the old hold has and the new one does not: both stay taken until the ledger has decided.
local function take_back(run, old_places, new_places)
  for _, place in ipairs(old_places) do
    if tostring(place[2]) ~= STANDING then mark(run, place, false) end
  end
  local counts = run.standing
  if not counts then return end
  local before, after = standing_by_segment(run, old_places), standing_by_segment(run, new_places)
  for segment = 1, run.segments do counts[segment] = counts[segment] - math.max(0, before[segment] - after[segment]) end
end

-- For the new hold the places of the old one are free; nobody sees them so.
local function place_instead(run, hold, old_places)
  for _, place in ipairs(old_places) do mark(run, place, true) end
  local outcome, places = place_group(run, hold)
  take_back(run, old_places, places or {})
  return outcome, places
end

local function held_text(seat_version, run_version, places)
  return string.format('{"s":"HELD","v":%d,"r":"%s","p":%s}', seat_version, run_version, places)
end

local function refused_text(status)
  return '{"s":"' .. status .. '"}'
end

-- The record of a hold when it is this owner's and has this version of seats; else nil.
local function own_record(run, hold_id, owner, seat_version)
  local record = record_of(run, hold_id)
  if not record or record.o ~= owner or record.v ~= tonumber(seat_version) then return nil end
  return record
end

local function hold_one(run, hold)
  local known = record_of(run, hold.id)
  if known then
    if known.b ~= hold.body then return refused_text('CONFLICT') end
    return string.format('{"replay":true,%s', string.sub(held_text(known.v, version_text(run), places_text(known.p)), 2))
  end
  if not run.open then return refused_text('RUN_CLOSED') end
  local outcome, places
  if hold.replaces then
    local old = own_record(run, hold.replaces[1], hold.replaces[2], hold.replaces[3])
    if not old then return refused_text('STALE') end
    outcome, places = place_instead(run, hold, old.p)
  else
    outcome, places = place_group(run, hold)
  end
  if not places then return refused_text(outcome) end
  run.version = run.version + 1
  run.changed = true
  local text = places_text(places)
  put_record(run, hold.id, record_text(1, hold.owner, hold.body, text))
  return held_text(1, version_text(run), text)
end

local function asked_records(list)
  local ids = {}
  for _, hold in ipairs(list) do
    ids[#ids + 1] = hold.id
    if hold.replaces then ids[#ids + 1] = hold.replaces[1] end
  end
  return ids
end

-- KEYS: bucket, then state, bits and layout of each run. ARGV: epoch, stamp, JSON: for each run the list of its holds.
-- Answers status, sequence and a JSON list of outcomes in the same order. A run that is missing answers for its own holds only.
local function hold(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local outcomes = {}
  for position, lists in ipairs(cjson.decode(args[3])) do
    local holds = {}
    for index, list in ipairs(lists) do holds[index] = hold_of(list) end
    local run, problem = load_run(keys, position * 3 - 1, args[1], asked_records(holds))
    for _, wanted in ipairs(holds) do outcomes[#outcomes + 1] = run and hold_one(run, wanted) or refused_text(problem) end
    if run then (run.changed and save_run or leave_run)(run, args[2]) end
  end
  return { 'OK', next_sequence(keys[1]), '[' .. table.concat(outcomes, ',') .. ']' }
end

-- What the functions that change one hold have in common. KEYS: bucket, state, bits, layout. ARGV: epoch, stamp, hold id,
-- then the function's own. `change` says whether the run is to be written; 'NONE' is the answer where it is not.
local function changes_hold(change)
  return function(keys, args)
    local status = check_bucket(keys[1], args[1])
    if status ~= 'OK' then return { status } end
    local run, problem = load_run(keys, 2, args[1], { args[3] })
    if not run then return { problem } end
    next_sequence(keys[1])
    if not change(run, args[3], args) then return { 'NONE', version_text(run) } end
    run.version = run.version + 1
    save_run(run, args[2])
    return { 'OK', version_text(run) }
  end
end

-- ARGV: … owner, seat version, JSON of the places to free ('*' for all of the record), JSON of the places that stay ('' for
-- none). Frees only by consuming the record, so a repeat changes nothing.
local release = changes_hold(function(run, hold_id, args)
  local record = own_record(run, hold_id, args[4], args[5])
  if not record then return false end
  for _, place in ipairs(args[6] == '*' and record.p or cjson.decode(args[6])) do mark(run, place, true) end
  if args[7] == '' then
    drop_record(run, hold_id)
  else
    put_record(run, hold_id, record_text(record.v + 1, record.o, record.b, args[7]))
  end
  return true
end)

-- The record of a sold hold is put back before its ledger row is released, so that the seats can be freed by it.
-- ARGV: … owner, seat version, body, JSON of the places. The version moves, so that a repair that has read the run before
-- is refused.
local reclaim = changes_hold(function(run, hold_id, args)
  if run.records[hold_id] then return false end
  put_record(run, hold_id, record_text(tonumber(args[5]), args[4], args[6], args[7]))
  return true
end)

-- Drops the record of a hold that was sold; its seats stay taken. ARGV: … owner, seat version.
local sell = changes_hold(function(run, hold_id, args)
  if not own_record(run, hold_id, args[4], args[5]) then return false end
  drop_record(run, hold_id)
  return true
end)

redis.register_function('inventory_v2_hold', ready(hold))
redis.register_function { function_name = 'inventory_v2_release', callback = ready(release), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v2_reclaim', callback = ready(reclaim), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v2_sell', callback = ready(sell), flags = { 'allow-oom' } }
