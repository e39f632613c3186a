-- Changes of holds. Each function checks the epoch, decides on decoded bits, then writes.

local function next_sequence(bucket_key)
  return redis.call('HINCRBY', bucket_key, 'sequence', 1)
end

local NO_WISH = { flags = {}, letters = '', together = false, same_coach = false, required = false }

-- A hold as store/seat_codec.ts writes it: field of its record, body, owner, from, to, items, and what is not usual.
local function hold_of(list)
  local items, more = {}, list[7] or {}
  for position, item in ipairs(list[6]) do items[position] = { id = item[1], classes = item[2], quotas = item[3] or NO_QUOTAS, seat = item[4] or nil } end
  return { field = list[1], body = list[2], owner = list[3], from = list[4], to = list[5], items = items, wish = more.wish or NO_WISH, changes = more.changes, replaces = more.replaces }
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

-- Takes again what the old hold has and the new ones do not: both stay taken until the ledger has decided.
local function take_back(run)
  local lent, counts = run.lent, run.standing
  run.lent = nil
  for _, place in ipairs(lent.places) do
    if tostring(place[2]) ~= STANDING then mark(run, place, false) end
  end
  if not counts then return end
  local before, after = standing_by_segment(run, lent.places), standing_by_segment(run, lent.taken)
  for segment = 1, run.segments do counts[segment] = counts[segment] - math.max(0, before[segment] - after[segment]) end
end

local function take(lent, places)
  for _, place in ipairs(places) do lent.taken[#lent.taken + 1] = place end
end

local function refused_text(status)
  return '{"s":"' .. status .. '"}'
end

-- The record of a hold when it is this owner's and has this version of seats; else nil.
local function own_record(run, field, owner, seat_version)
  local record = record_of(run, field)
  if not record or record.o ~= owner or record.v ~= tonumber(seat_version) then return nil end
  return record
end

-- For a new hold the places of the one that it takes the place of are free, until somebody else's turn comes; nobody sees
-- them so. Nil when that one is not as the ledger had it.
local function lend(run, replaces)
  if run.lent then return run.lent end
  local old = own_record(run, replaces[1], replaces[2], replaces[3])
  if not old then return nil end
  for _, place in ipairs(old.p) do mark(run, place, true) end
  run.lent = { field = replaces[1], places = old.p, taken = {} }
  return run.lent
end

local function keep(run, hold, text)
  run.changed = true
  put_record(run, hold.field, record_text('1', hold.owner, hold.body, text))
  return text
end

-- The outcome as text: the places of a new hold, or an object that says what else is the case; and whether it is held.
local function hold_one(run, hold)
  local known = record_of(run, hold.field)
  if known and known.b ~= hold.body then return refused_text('CONFLICT'), false end
  local lent = hold.replaces and lend(run, hold.replaces)
  if known then
    -- Lent with the rest, perhaps: who comes next is not to have them.
    for _, place in ipairs(lent and known.p or {}) do
      if tostring(place[2]) ~= STANDING then mark(run, place, false) end
    end
    if lent then take(lent, known.p) end
    return '{"s":"HELD","v":' .. known.v .. ',"p":' .. places_text(known.p) .. '}', true
  end
  if not run.open then return refused_text('RUN_CLOSED'), false end
  if hold.replaces and not lent then return refused_text('STALE'), false end
  local outcome, places = place_group(run, hold)
  if not places then return refused_text(outcome), false end
  if lent then take(lent, places) end
  return keep(run, hold, places_text(places)), true
end

-- What most calls are: one passenger, no wishes, no quotas. The same as `hold_one` would do, without the tables it makes.
local function hold_single(run, list)
  local item, from, to = list[6][1], list[4], list[5]
  for _, code in ipairs(item[2]) do
    local class = code ~= STANDING and class_of(run, code)
    local seat = class and best_seat(class, from, to)
    if seat then
      mark_in(run, class, seat, from, to, false)
      local text = '[' .. place_text(item[1], code, seat, from, to) .. ']'
      run.changed = true
      put_record(run, list[1], record_text('1', list[3], list[2], text))
      return text, true
    end
    -- Standing places, and all that is not simple.
    if not class then return nil end
  end
  return refused_text('SOLD_OUT'), false
end

local function hold_listed(run, list)
  local item = list[6][1]
  local simple = not list[7] and not list[6][2] and not item[3] and #run.quotas == 0 and run.open and not run.records[list[1]]
  if simple then
    local text, held = hold_single(run, list)
    if text then return text, held end
  end
  return hold_one(run, hold_of(list))
end

-- The holds of a run in their order. One that `follows` is not tried when the one before it got nothing.
local function hold_all(run, lists)
  local outcomes, held = {}, false
  for position, list in ipairs(lists) do
    local more = list[7]
    if run.lent and not (more and more.replaces and more.replaces[1] == run.lent.field) then take_back(run) end
    if more and more.follows and not held then
      outcomes[position] = refused_text('STALE')
    else
      outcomes[position], held = hold_listed(run, list)
    end
  end
  if run.lent then take_back(run) end
  return outcomes
end

local function record_fields(lists)
  local fields = {}
  for position = 1, #lists do fields[position] = lists[position][1] end
  for position = 1, #lists do
    local more = lists[position][7]
    if more and more.replaces then fields[#fields + 1] = more.replaces[1] end
  end
  return fields
end

-- KEYS: bucket, then state, bits and layout of each run. ARGV: epoch, stamp, JSON: for each run the list of its holds.
-- Answers status, sequence and JSON: for each run its version after the call and the outcomes in the same order. A run that
-- is missing answers for its own holds only.
local function hold(keys, args)
  local status = check_bucket(keys[1], args[1])
  if status ~= 'OK' then return { status } end
  local answers = {}
  for position, lists in ipairs(cjson.decode(args[3])) do
    local run, problem = load_run(keys, position * 3 - 1, args[1], record_fields(lists))
    local outcomes = {}
    if run then outcomes = hold_all(run, lists) else
      for index = 1, #lists do outcomes[index] = refused_text(problem) end
    end
    if run then (run.changed and save_run or leave_run)(run, args[2]) end
    answers[position] = '["' .. (run and version_text(run) or '0') .. '",[' .. table.concat(outcomes, ',') .. ']]'
  end
  return { 'OK', next_sequence(keys[1]), '[' .. table.concat(answers, ',') .. ']' }
end

-- What the functions that change one hold have in common. KEYS: bucket, state, bits, layout. ARGV: epoch, stamp, field of
-- the hold's record, then the function's own. `change` says whether the run is to be written; 'NONE' is the answer where it is not.
local function changes_hold(change)
  return function(keys, args)
    local status = check_bucket(keys[1], args[1])
    if status ~= 'OK' then return { status } end
    local run, problem = load_run(keys, 2, args[1], { args[3] })
    if not run then return { problem } end
    next_sequence(keys[1])
    if not change(run, args[3], args) then return { 'NONE', version_text(run) } end
    save_run(run, args[2])
    return { 'OK', version_text(run) }
  end
end

-- ARGV: … owner, seat version, JSON of the places to free ('*' for all of the record), JSON of the places that stay ('' for
-- none), the version that stays (the next one where there is none). Frees only by consuming the record, so a repeat changes
-- nothing.
local release = changes_hold(function(run, field, args)
  local record = own_record(run, field, args[4], args[5])
  if not record then return false end
  for _, place in ipairs(args[6] == '*' and record.p or cjson.decode(args[6])) do mark(run, place, true) end
  if args[7] == '' then
    drop_record(run, field)
  else
    put_record(run, field, record_text(args[8] or record.v + 1, record.o, record.b, args[7]))
  end
  return true
end)

-- The record of a sold hold is put back before its ledger row is released, so that the seats can be freed by it.
-- ARGV: … owner, seat version, body, JSON of the places. The version moves, so that a repair that has read the run before
-- is refused.
local reclaim = changes_hold(function(run, field, args)
  if run.records[field] then return false end
  put_record(run, field, record_text(args[5], args[4], args[6], args[7]))
  return true
end)

-- Drops the record of a hold that was sold; its seats stay taken. ARGV: … owner, seat version.
local sell = changes_hold(function(run, field, args)
  if not own_record(run, field, args[4], args[5]) then return false end
  drop_record(run, field)
  return true
end)

redis.register_function('inventory_v3_hold', ready(hold))
redis.register_function { function_name = 'inventory_v3_release', callback = ready(release), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v3_reclaim', callback = ready(reclaim), flags = { 'allow-oom' } }
redis.register_function { function_name = 'inventory_v3_sell', callback = ready(sell), flags = { 'allow-oom' } }
