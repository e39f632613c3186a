-- Seats of a class of a run. Redis keeps them seat by seat, so that a hold writes a few bytes: for each seat its taken
-- segments (bit s = segment s) in 1, 2, 4 or 8 bytes. In memory they lie in words of 32 seats, and of each word the segments
-- one after the other, so that a search is a few operations on neighbouring numbers: `taken[word * segments + segment + 1]`,
-- both counted from 0. Words from `touched` on are not in the list: their seats are free on all segments.

local function seat_bytes(segments)
  return segments <= 8 and 1 or segments <= 16 and 2 or segments <= 32 and 4 or 8
end

local NUMBER_FORMAT = { [1] = 'I1', [2] = '<I2', [4] = '<I4' }
local CHUNK = 128
local chunk_formats = {}

-- Numbers of `bytes` bytes each, `count` of them from a position of a text.
local function unpack_numbers(text, position, count, bytes)
  local key = bytes * 1000 + count
  local format = chunk_formats[key]
  if not format then
    format = '<' .. string.rep('I' .. bytes, count)
    chunk_formats[key] = format
  end
  return { struct.unpack(format, text, position) }
end

-- Bits behind the last seat of a class count as taken.
local function fresh_word(class, word)
  local behind = class.info.n - word * 32
  local value = 0
  for low = math.max(behind, 0), 31 do value = bor(value, BIT[low]) end
  return value
end

local function touch(class, word)
  local taken, segments = class.taken, class.segments
  while class.touched <= word do
    local value = fresh_word(class, class.touched)
    for _ = 1, segments do taken[#taken + 1] = value end
    class.touched = class.touched + 1
  end
end

local function mark_segments(class, seat, mask, first_segment)
  local word, low = place_of(seat)
  touch(class, word)
  local taken, one = class.taken, BIT[low]
  local at = word * class.segments + first_segment + 1
  while mask > 0 do
    local odd = mask % 2
    if odd == 1 then taken[at] = bor(taken[at], one) end
    mask = (mask - odd) / 2
    at = at + 1
  end
end

local function empty_class(code, info, segments)
  return { code = code, info = info, segments = segments, words = info.words, bytes = seat_bytes(segments), taken = {}, touched = 0 }
end

-- `raw` holds the seats of this class only. 64 segments are two numbers of 32 bits.
local function decode_class(code, info, segments, raw)
  local class = empty_class(code, info, segments)
  if raw == string.rep('\0', #raw) then return class end
  local bytes = math.min(class.bytes, 4)
  local halves = class.bytes / bytes
  local count = info.n * halves
  for first = 0, count - 1, CHUNK do
    local size = math.min(CHUNK, count - first)
    local numbers = unpack_numbers(raw, first * bytes + 1, size, bytes)
    for offset = 1, size do
      local mask, at = numbers[offset], first + offset - 1
      if mask ~= 0 then mark_segments(class, (at - at % halves) / halves, mask, at % halves * 32) end
    end
  end
  return class
end

local function half_mask(class, word, one, first_segment, segments)
  local taken, at = class.taken, word * class.segments + first_segment
  local mask, value = 0, 1
  for offset = 1, segments do
    if band(taken[at + offset], one) ~= 0 then mask = mask + value end
    value = value * 2
  end
  return mask
end

-- A seat that was touched, as Redis keeps it.
local function encode_seat(class, seat)
  local word, low = place_of(seat)
  local one, segments = BIT[low], class.segments
  if class.bytes < 8 then return struct.pack(NUMBER_FORMAT[class.bytes], half_mask(class, word, one, 0, segments)) end
  return struct.pack('<I4I4', half_mask(class, word, one, 0, 32), half_mask(class, word, one, 32, segments - 32))
end

local function mark_seat(class, seat, from, to, free)
  local word, low = place_of(seat)
  if word >= class.touched then touch(class, word) end
  local taken, one = class.taken, BIT[low]
  local first = word * class.segments
  if free then
    local keep = bnot(one)
    for at = first + from + 1, first + to do taken[at] = band(taken[at], keep) end
  else
    for at = first + from + 1, first + to do taken[at] = bor(taken[at], one) end
  end
end

-- Seats of a word that are taken on some segment of [from, to).
local function used_word(class, word, from, to)
  if word >= class.touched then return fresh_word(class, word) end
  local taken, first = class.taken, word * class.segments
  local at, stop, used = first + from + 1, first + to, 0
  while at + 3 <= stop and used ~= -1 do
    used = bor(used, taken[at], taken[at + 1], taken[at + 2], taken[at + 3])
    at = at + 4
  end
  while at <= stop and used ~= -1 do
    used = bor(used, taken[at])
    at = at + 1
  end
  return used
end

-- Seats free on every segment of [from, to) and, where `allowed` is given, among those.
local function free_words(class, from, to, allowed)
  local free = {}
  for word = 1, class.words do free[word] = bnot(used_word(class, word - 1, from, to)) end
  return allowed and both(free, allowed) or free
end

-- Seats taken on a segment. The ends of the run count as taken: nothing is lost there.
local function taken_words(class, segment)
  local outside, row = segment < 0 or segment >= class.segments, {}
  for word = 1, class.words do row[word] = outside and -1 or used_word(class, word - 1, segment, segment + 1) end
  return row
end

local function is_free(class, seat, from, to)
  local word, low = place_of(seat)
  return band(used_word(class, word, from, to), BIT[low]) == 0
end
