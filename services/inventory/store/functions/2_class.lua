-- Seats of a class of a run. Redis keeps them seat by seat, so that a hold writes a few bytes: for each seat its taken
-- segments (bit s = segment s) in 1, 2, 4 or 8 bytes. In memory they lie segment by segment, so that a search is a
-- few operations on words: `taken[segment * words + word]`, segments from 0, words from 1.

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

local function mark_segments(class, seat, mask, first_segment)
  local word, low = place_of(seat)
  local taken, words, one = class.taken, class.words, BIT[low]
  local at = first_segment * words + word
  while mask > 0 do
    local odd = mask % 2
    if odd == 1 then taken[at] = bor(taken[at], one) end
    mask = (mask - odd) / 2
    at = at + words
  end
end

-- All segments free, with the bits behind the last seat taken.
local function empty_class(code, info, segments)
  local words, taken = info.words, {}
  for index = 1, segments * words do taken[index] = 0 end
  local behind = info.n % 32
  if behind > 0 then
    local padding = 0
    for low = behind, 31 do padding = bor(padding, BIT[low]) end
    for segment = 0, segments - 1 do taken[segment * words + words] = padding end
  end
  return { code = code, info = info, words = words, taken = taken, segments = segments, bytes = seat_bytes(segments) }
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

local function half_mask(class, seat, first_segment, segments)
  local word, low = place_of(seat)
  local taken, words, one = class.taken, class.words, BIT[low]
  local mask, value = 0, 1
  for at = first_segment * words + word, (first_segment + segments - 1) * words + word, words do
    if band(taken[at], one) ~= 0 then mask = mask + value end
    value = value * 2
  end
  return mask
end

-- A seat as Redis keeps it.
local function encode_seat(class, seat)
  if class.bytes < 8 then return struct.pack(NUMBER_FORMAT[class.bytes], half_mask(class, seat, 0, class.segments)) end
  return struct.pack('<I4I4', half_mask(class, seat, 0, 32), half_mask(class, seat, 32, class.segments - 32))
end

local function mark_seat(class, seat, from, to, free)
  local word, low = place_of(seat)
  local taken, words, one = class.taken, class.words, BIT[low]
  local keep = bnot(one)
  for at = from * words + word, (to - 1) * words + word, words do
    taken[at] = free and band(taken[at], keep) or bor(taken[at], one)
  end
end

-- Seats free on every segment of [from, to) and, where `allowed` is given, among those.
local function free_words(class, from, to, allowed)
  local taken, words, free = class.taken, class.words, {}
  local first, last = from * words, (to - 1) * words
  for word = 1, words do
    local used, at, stop = taken[first + word], first + words + word, last + word
    while used ~= -1 and at <= stop do
      used = bor(used, taken[at])
      at = at + words
    end
    free[word] = bnot(used)
  end
  return allowed and both(free, allowed) or free
end

local function is_free(class, seat, from, to)
  local word, low = place_of(seat)
  local taken, words, one = class.taken, class.words, BIT[low]
  for at = from * words + word, (to - 1) * words + word, words do
    if band(taken[at], one) ~= 0 then return false end
  end
  return true
end
