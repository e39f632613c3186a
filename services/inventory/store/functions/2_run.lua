-- The state of a run: read once in a call, changed in memory, written once.

local STANDING = '8'
local layouts, layouts_kept = {}, 0
local MAX_LAYOUTS = 512

-- What the seats are, decoded once a server process. The key's name carries the hash of its content, so a copy is never stale.
local function layout_of(key)
  local known = layouts[key]
  if known then return known end
  local text = redis.call('GET', key)
  if not text then return nil end
  if layouts_kept >= MAX_LAYOUTS then
    layouts, layouts_kept = {}, 0
  end
  local layout = cjson.decode(text)
  for _, class in pairs(layout) do
    class.words = math.ceil(class.n / 32)
    class.masks = {}
  end
  layouts[key] = layout
  layouts_kept = layouts_kept + 1
  return layout
end

-- 'OK', or why the bucket takes no calls with this epoch.
local function check_bucket(key, epoch)
  local fields = redis.call('HMGET', key, 'epoch', 'open')
  if not fields[1] then return 'LOST' end
  if fields[1] ~= epoch then return 'EPOCH' end
  if fields[2] ~= '1' then return 'CLOSED' end
  return 'OK'
end

-- The run, or nil and why it can't be used. A missing part is never read as "sold out".
local function load_run(keys, first, epoch)
  local state_key, holds_key, layout_key = keys[first], keys[first + 1], keys[first + 2]
  local fields = redis.call('HMGET', state_key, 'epoch', 'version', 'open', 'segments', 'standing')
  if not fields[1] then return nil, 'MISSING' end
  if fields[1] ~= epoch then return nil, 'MISSING' end
  local layout = layout_of(layout_key)
  if not layout then return nil, 'MISSING' end
  return {
    state_key = state_key, holds_key = holds_key, layout = layout, classes = {}, records = {}, dropped = {},
    version = tonumber(fields[2]), open = fields[3] == '1', segments = tonumber(fields[4]), standing_raw = fields[5] or '',
  }
end

local function class_of(run, code)
  local class = run.classes[code]
  if class == nil then
    local info = run.layout[code]
    local raw = info and redis.call('HGET', run.state_key, 'c' .. code)
    class = raw and { code = code, info = info, words = info.words, raw = raw, rows = {}, dirty = false } or false
    run.classes[code] = class
  end
  return class or nil
end

-- Standing places left, by segment from 1; nil where the run has none.
local function standing_of(run)
  if not run.standing and run.standing_raw ~= '' then
    run.standing = {}
    for segment = 1, run.segments do run.standing[segment] = struct.unpack('<I2', run.standing_raw, segment * 2 - 1) end
  end
  return run.standing
end

local function standing_left(run, from, to)
  local counts = standing_of(run)
  if not counts then return 0 end
  local least = counts[from + 1]
  for segment = from + 1, to - 1 do least = math.min(least, counts[segment + 1]) end
  return least
end

-- Takes (free = false) or frees a place in memory. A place: { item, class, index, from, to }.
local function mark(run, place, free)
  local code, index, from, to = tostring(place[2]), place[3], place[4], place[5]
  if code == STANDING then
    local counts = standing_of(run)
    for segment = from + 1, to do counts[segment] = counts[segment] + (free and 1 or -1) end
    run.standing_dirty = true
    return
  end
  local class = class_of(run, code)
  for segment = from, to - 1 do
    if free then set_bit(row_of(class, segment), index) else clear_bit(row_of(class, segment), index) end
  end
  class.dirty = true
end

local function record_of(run, hold_id)
  if run.records[hold_id] then return run.records[hold_id] end
  local text = redis.call('HGET', run.holds_key, hold_id)
  return text and cjson.decode(text) or nil
end

local function version_text(run)
  return string.format('%.0f', run.version)
end

local function save_run(run)
  local fields = { 'version', version_text(run) }
  for code, class in pairs(run.classes) do
    if class and class.dirty then
      fields[#fields + 1] = 'c' .. code
      fields[#fields + 1] = encode_class(class, run.segments)
    end
  end
  if run.standing_dirty then
    local parts = {}
    for segment = 1, run.segments do parts[segment] = struct.pack('<I2', run.standing[segment]) end
    fields[#fields + 1] = 'standing'
    fields[#fields + 1] = table.concat(parts)
  end
  redis.call('HSET', run.state_key, unpack(fields))
  for hold_id, record in pairs(run.records) do redis.call('HSET', run.holds_key, hold_id, cjson.encode(record)) end
  for hold_id in pairs(run.dropped) do redis.call('HDEL', run.holds_key, hold_id) end
end
