-- Seats of a class of a run, in words of 32 seats, and of each word the segments one after the other, so that a search is a
-- few operations on neighbouring numbers and a hold changes neighbouring bytes: `taken[word * segments + segment + 1]`, both
-- counted from 0. Redis keeps the same, 4 bytes a number, class after class. In memory the words from `touched` on are not
-- in the list: their seats are free on all segments.

local WORD_BYTES = 4
local word_formats = {}

-- Packs and unpacks `count` numbers.
local function words_format(count)
  local format = word_formats[count]
  if not format then
    format = '<' .. string.rep('i4', count)
    word_formats[count] = format
  end
  return format
end

-- Bits behind the last seat of a class count as taken.
local function fresh_word(class, word)
  local behind, value = class.info.n - word * 32, 0
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

local function untouched_bytes(class, word)
  return string.rep(struct.pack('<i4', fresh_word(class, word)), class.segments)
end

-- `raw` holds the words of this class only.
local function decode_class(code, info, segments, raw)
  local class = { code = code, info = info, segments = segments, words = info.words, taken = {}, touched = 0 }
  local row, last = segments * WORD_BYTES, info.words - 1
  while last >= 0 and string.sub(raw, last * row + 1, (last + 1) * row) == untouched_bytes(class, last) do last = last - 1 end
  local format, taken = words_format(segments), class.taken
  for word = 0, last do
    local numbers = { struct.unpack(format, raw, word * row + 1) }
    for segment = 1, segments do taken[word * segments + segment] = numbers[segment] end
  end
  class.touched = last + 1
  return class
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

-- Writes the word of a seat for the segments [from, to).
local function write_word(key, class, seat, from, to)
  local word = place_of(seat)
  local first = word * class.segments
  local bytes = struct.pack(words_format(to - from), unpack(class.taken, first + from + 1, first + to))
  redis.call('SETRANGE', key, (class.info.base_words * class.segments + first + from) * WORD_BYTES, bytes)
end

-- Seats of a word that are taken on some segment of [from, to).
local function used_word(class, word, from, to)
  if word >= class.touched then return fresh_word(class, word) end
  local taken, first = class.taken, word * class.segments
  local used = taken[first + from + 1]
  for at = first + from + 2, first + to do used = bor(used, taken[at]) end
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
