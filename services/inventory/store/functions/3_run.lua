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
  local classes, codes, base_words = cjson.decode(text), {}, 0
  for code in pairs(classes) do codes[#codes + 1] = code end
  table.sort(codes)
  for _, code in ipairs(codes) do
    local class = classes[code]
    class.words, class.base_words, class.masks, class.masks_kept = math.ceil(class.n / 32), base_words, {}, 0
    base_words = base_words + class.words
  end
  layouts[key] = classes
  layouts_kept = layouts_kept + 1
  return classes
end

-- Runs as they were last written, so that one that is sold from all the time is not decoded each time. A copy is good only for
-- the very state it was made of: `at` is the version and a stamp that no other write has. Two generations bound the memory:
-- when the younger is full it becomes the older, and what of that was not asked for again goes.
local MAX_CACHED_WORDS = 2000000
local RUN_WORDS = 100
local young, old, young_words = {}, {}, 0

local function remember(run, words)
  local key = run.state_key
  if young[key] ~= run then
    if young_words > MAX_CACHED_WORDS then young, old, young_words = {}, young, 0 end
    young[key] = run
    words = words + RUN_WORDS
    for _, class in pairs(run.classes) do words = words + #class.taken end
  end
  young_words = young_words + words
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

local function standing_of(text, segments)
  if not text or text == '' then return nil end
  local counts = {}
  for segment = 1, segments do counts[segment] = struct.unpack('<I2', text, segment * 2 - 1) end
  return counts
end

local function read_run(keys, first)
  local layout = layout_of(keys[first + 2])
  local fields = redis.call('HMGET', keys[first], 'epoch', 'at', 'open', 'segments', 'standing', 'quotas')
  if not layout or not fields[1] then return nil end
  local segments = tonumber(fields[4])
  return {
    state_key = keys[first], bits_key = keys[first + 1], layout = layout, classes = {}, epoch = fields[1], at = fields[2], segments = segments,
    version = tonumber(string.match(fields[2], '^%d+')), open = fields[3] == '1', standing = standing_of(fields[5], segments), quotas = quotas_of(fields[6] or ''),
  }
end

-- The run with the records of these fields ('h:' and the id of the hold), or nil and why it can't be used. A missing part is
-- never read as "sold out".
local function load_run(keys, first, epoch, record_fields)
  local fields = redis.call('HMGET', keys[first], 'at', unpack(record_fields))
  local run = young[keys[first]] or old[keys[first]]
  if not run or run.at ~= fields[1] then run = read_run(keys, first) end
  if not run or run.epoch ~= epoch then return nil, 'MISSING' end
  if young[keys[first]] ~= run then remember(run, 0) end
  local records = {}
  for position = 1, #record_fields do records[record_fields[position]] = fields[position + 1] end
  run.records, run.written, run.marks, run.changed, run.standing_dirty, run.was_at, run.lent = records, {}, {}, false, false, run.at, nil
  return run
end

local function class_of(run, code)
  local class = run.classes[code]
  if class then return class end
  local info = run.layout[code]
  if not info then return nil end
  local first, size = info.base_words * run.segments * WORD_BYTES, info.words * run.segments * WORD_BYTES
  local raw = redis.call('GETRANGE', run.bits_key, first, first + size - 1)
  if #raw ~= size then error('the seats of ' .. run.bits_key .. " don't fit their layout") end
  class = decode_class(code, info, run.segments, raw)
  run.classes[code] = class
  remember(run, #class.taken)
  return class
end

-- Standing places left on the tightest segment; 0 where the run has none.
local function standing_left(run, from, to)
  local counts = run.standing
  if not counts then return 0 end
  local least = counts[from + 1]
  for segment = from + 1, to - 1 do least = math.min(least, counts[segment + 1]) end
  return least
end

-- Takes or frees a seat in memory. A copy that was changed and not written to the end is never used again.
local function mark_in(run, class, seat, from, to, free)
  run.at = false
  mark_seat(class, seat, from, to, free)
  local marks = run.marks
  local count = #marks
  marks[count + 1], marks[count + 2], marks[count + 3], marks[count + 4] = class, seat, from, to
end

-- Takes (free = false) or frees a place in memory. A place: { item, class, index, from, to }.
local function mark(run, place, free)
  local code, from, to = tostring(place[2]), place[4], place[5]
  if code ~= STANDING then return mark_in(run, class_of(run, code), place[3], from, to, free) end
  run.at = false
  local counts = run.standing
  for segment = from + 1, to do counts[segment] = counts[segment] + (free and 1 or -1) end
  run.standing_dirty = true
end

local function record_of(run, field)
  local text = run.records[field]
  return text and cjson.decode(text) or nil
end

local function put_record(run, field, text)
  run.records[field] = text
  run.written[field] = true
end

local function drop_record(run, field)
  run.records[field] = nil
  run.written[field] = false
end

-- Numbers as text: making one is dearer than looking it up.
local TEXT = {}
for number = -1, 2500 do TEXT[number] = number .. '' end

-- Item ids have no character that JSON would escape, nor have owners and bodies (app/plan_hold.ts).
local function place_text(item, code, index, from, to)
  return '["' .. item .. '",' .. code .. ',' .. TEXT[index] .. ',' .. TEXT[from] .. ',' .. TEXT[to] .. ']'
end

local function places_text(places)
  local parts = {}
  for position, place in ipairs(places) do parts[position] = place_text(place[1], tostring(place[2]), place[3], place[4], place[5]) end
  return '[' .. table.concat(parts, ',') .. ']'
end

local function record_text(seat_version, owner, body, places)
  return '{"v":' .. seat_version .. ',"o":"' .. owner .. '","b":"' .. body .. '","p":' .. places .. '}'
end

local function version_text(run)
  return string.format('%d', run.version)
end

-- What was tried came to nothing: the copy is again what Redis has.
local function leave_run(run)
  run.at = run.was_at
end

-- Writes what was changed, as the next version. `stamp` is the call's own.
local function save_run(run, stamp)
  run.version = run.version + 1
  local at = version_text(run) .. ' ' .. stamp
  local fields, count, dropped = { 'at', at }, 2, nil
  for field, kept in pairs(run.written) do
    if kept then
      fields[count + 1], fields[count + 2] = field, run.records[field]
      count = count + 2
    else
      dropped = field
    end
  end
  if run.standing_dirty then
    fields[count + 1], fields[count + 2] = 'standing', struct.pack('<' .. string.rep('I2', run.segments), unpack(run.standing))
  end
  local marks = run.marks
  for position = 1, #marks, 4 do write_word(run.bits_key, marks[position], marks[position + 1], marks[position + 2], marks[position + 3]) end
  redis.call('HSET', run.state_key, unpack(fields))
  if dropped then redis.call('HDEL', run.state_key, dropped) end
  run.at = at
end
