-- The state of a run: read once in a call, changed in memory, written once.

local STANDING = '8'
local MAX_LAYOUTS = 512
local layouts, layouts_kept = {}, 0

-- What the seats are, decoded once a server process. The key's name carries the hash of its content, so a copy is never stale.
local function layout_of(key)
  local known = layouts[key]
  if known then return known end
  local text = redis.call('GET', key)
  if not text then return nil end
  if layouts_kept >= MAX_LAYOUTS then layouts, layouts_kept = {}, 0 end
  local classes, codes, base = cjson.decode(text), {}, 0
  for code in pairs(classes) do codes[#codes + 1] = code end
  table.sort(codes)
  for _, code in ipairs(codes) do
    local class = classes[code]
    class.words, class.base, class.masks, class.masks_kept = math.ceil(class.n / 32), base, {}, 0
    base = base + class.n
  end
  layouts[key] = classes
  layouts_kept = layouts_kept + 1
  return classes
end

-- Decoded runs, so that a run that is sold from all the time is not decoded each time. A copy is good only for the very
-- state it was made of: each write stores a stamp that no other write has. Two generations bound the memory: when the
-- younger is full it becomes the older, and what of that was not asked for again goes.
local MAX_CACHED_WORDS = 2000000
local young, old, young_words = {}, {}, 0

-- `words`: how many more than before.
local function remember(key, cached, words)
  if young[key] ~= cached then words = cached.words + words end
  if young_words + words > MAX_CACHED_WORDS then young, old, young_words = {}, young, 0 end
  young[key] = cached
  young_words = young_words + words
end

local function cached_of(run)
  local key = run.state_key
  local known = young[key] or old[key]
  if not known or known.stamp ~= run.stamp or known.version ~= run.version_text then
    known = { classes = {}, words = 0, stamp = run.stamp, version = run.version_text }
  end
  if young[key] ~= known then remember(key, known, 0) end
  return known
end

-- 'OK', or why the bucket takes no calls with this epoch.
local function check_bucket(key, epoch)
  local fields = redis.call('HMGET', key, 'epoch', 'open')
  if not fields[1] then return 'LOST' end
  if fields[1] ~= epoch then return 'EPOCH' end
  if fields[2] ~= '1' then return 'CLOSED' end
  return 'OK'
end

-- Quotas that are not everybody's yet: `number:class:first seat:count`, separated by `;`.
local function quotas_of(text)
  local quotas = {}
  for number, code, first, count in string.gmatch(text, '(%d+):(%d+):(%d+):(%d+)') do
    quotas[#quotas + 1] = { number = tonumber(number), code = code, first = tonumber(first), count = tonumber(count) }
  end
  return quotas
end

local NO_QUOTAS = {}
local HEAD = { 'epoch', 'version', 'stamp', 'open', 'segments', 'standing', 'quotas' }

local function record_field(hold_id)
  return 'h:' .. hold_id
end

-- The run with the records of these holds, or nil and why it can't be used. A missing part is never read as "sold out".
local function load_run(keys, first, epoch, hold_ids)
  local names = { unpack(HEAD) }
  for position, hold_id in ipairs(hold_ids) do names[#HEAD + position] = record_field(hold_id) end
  local fields = redis.call('HMGET', keys[first], unpack(names))
  if fields[1] ~= epoch then return nil, 'MISSING' end
  local layout = layout_of(keys[first + 2])
  if not layout then return nil, 'MISSING' end
  local run = {
    state_key = keys[first], bits_key = keys[first + 1], layout = layout, records = {}, written = {}, dirty_seats = {},
    version_text = fields[2], version = tonumber(fields[2]), stamp = fields[3], open = fields[4] == '1', segments = tonumber(fields[5]),
    standing_raw = fields[6] or '', quotas_text = fields[7] or '', quotas = NO_QUOTAS,
  }
  if run.quotas_text ~= '' then run.quotas = quotas_of(run.quotas_text) end
  for position, hold_id in ipairs(hold_ids) do run.records[hold_id] = fields[#HEAD + position] end
  run.cached = cached_of(run)
  return run
end

local function class_of(run, code)
  local class = run.cached.classes[code]
  if class then return class end
  local info = run.layout[code]
  if not info then return nil end
  local bytes = seat_bytes(run.segments)
  local raw = redis.call('GETRANGE', run.bits_key, info.base * bytes, (info.base + info.n) * bytes - 1)
  if #raw ~= info.n * bytes then error('the seats of ' .. run.bits_key .. " don't fit their layout") end
  class = decode_class(code, info, run.segments, raw)
  run.cached.classes[code] = class
  remember(run.state_key, run.cached, #class.taken)
  run.cached.words = run.cached.words + #class.taken
  return class
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
  -- A copy that was changed and not written to the end is never used again.
  run.cached.stamp = false
  mark_seat(class, index, from, to, free)
  local dirty = run.dirty_seats[code]
  if not dirty then
    dirty = {}
    run.dirty_seats[code] = dirty
  end
  dirty[index] = true
end

local function record_of(run, hold_id)
  local text = run.records[hold_id]
  return text and cjson.decode(text) or nil
end

local function put_record(run, hold_id, text)
  run.records[hold_id] = text
  run.written[hold_id] = true
end

local function drop_record(run, hold_id)
  run.records[hold_id] = nil
  run.written[hold_id] = false
end

local function places_text(places)
  local parts = {}
  for position, place in ipairs(places) do
    parts[position] = string.format('["%s",%s,%d,%d,%d]', place[1], place[2], place[3], place[4], place[5])
  end
  return '[' .. table.concat(parts, ',') .. ']'
end

-- Owner, body and ids of items have no character that JSON would escape (store/seat_codec.ts).
local function record_text(seat_version, owner, body, places)
  return string.format('{"v":%d,"o":"%s","b":"%s","p":%s}', seat_version, owner, body, places)
end

local function bump_version(run)
  run.version = run.version + 1
  run.version_text = string.format('%.0f', run.version)
end

-- Writes what was changed. `stamp` is the call's own.
local function save_run(run, stamp)
  local fields, count, dropped = { 'version', run.version_text, 'stamp', stamp }, 4, {}
  for hold_id, kept in pairs(run.written) do
    if kept then
      fields[count + 1], fields[count + 2] = record_field(hold_id), run.records[hold_id]
      count = count + 2
    else
      dropped[#dropped + 1] = record_field(hold_id)
    end
  end
  if run.standing_dirty then
    local parts = {}
    for segment = 1, run.segments do parts[segment] = struct.pack('<I2', run.standing[segment]) end
    fields[count + 1], fields[count + 2] = 'standing', table.concat(parts)
  end
  for code, seats in pairs(run.dirty_seats) do
    local class = run.cached.classes[code]
    for seat in pairs(seats) do redis.call('SETRANGE', run.bits_key, (class.info.base + seat) * class.bytes, encode_seat(class, seat)) end
  end
  redis.call('HSET', run.state_key, unpack(fields))
  if #dropped > 0 then redis.call('HDEL', run.state_key, unpack(dropped)) end
  run.cached.stamp, run.cached.version = stamp, run.version_text
end
