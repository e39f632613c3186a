-- Bitmaps in Lua: rows of signed 32-bit words, decoded when first needed and encoded once.
local band, bor, bnot, lshift, rshift

-- Redis shows a library its modules only while a function runs, not while the library is loaded.
local function ready(callback)
  return function(keys, args)
    if not band then
      band, bor, bnot, lshift, rshift = bit.band, bit.bor, bit.bnot, bit.lshift, bit.rshift
    end
    return callback(keys, args)
  end
end

local ONES = {}
for value = 0, 65535 do
  local ones, rest = 0, value
  while rest > 0 do
    ones = ones + rest % 2
    rest = (rest - rest % 2) / 2
  end
  ONES[value] = ones
end

local function count_ones(words)
  local total = 0
  for index = 1, #words do
    local word = words[index]
    total = total + ONES[band(word, 65535)] + ONES[rshift(word, 16)]
  end
  return total
end

local function has_bit(words, index)
  return band(words[rshift(index, 5) + 1], lshift(1, band(index, 31))) ~= 0
end

local function set_bit(words, index)
  local word = rshift(index, 5) + 1
  words[word] = bor(words[word], lshift(1, band(index, 31)))
end

local function clear_bit(words, index)
  local word = rshift(index, 5) + 1
  words[word] = band(words[word], bnot(lshift(1, band(index, 31))))
end

local function zeros(count)
  local words = {}
  for index = 1, count do words[index] = 0 end
  return words
end

local function both(left, right)
  local words = {}
  for index = 1, #left do words[index] = band(left[index], right[index]) end
  return words
end

local function lowest_bit(words)
  for index = 1, #words do
    local word = words[index]
    if word ~= 0 then
      for offset = 0, 31 do
        if band(word, lshift(1, offset)) ~= 0 then return (index - 1) * 32 + offset end
      end
    end
  end
  return nil
end

local ROW_FORMATS = {}
local function row_format(words)
  local format = ROW_FORMATS[words]
  if not format then
    format = '<' .. string.rep('i4', words)
    ROW_FORMATS[words] = format
  end
  return format
end

-- A class keeps its raw bytes and the rows that were looked at; `segment` counts from 0.
local function row_of(class, segment)
  local row = class.rows[segment]
  if not row then
    row = { struct.unpack(row_format(class.words), class.raw, segment * class.words * 4 + 1) }
    row[#row] = nil -- the last value is the next position
    class.rows[segment] = row
  end
  return row
end

local function encode_class(class, segments)
  local parts, format = {}, row_format(class.words)
  for segment = 0, segments - 1 do
    local row = class.rows[segment]
    if row then
      parts[segment + 1] = struct.pack(format, unpack(row))
    else
      parts[segment + 1] = string.sub(class.raw, segment * class.words * 4 + 1, (segment + 1) * class.words * 4)
    end
  end
  return table.concat(parts)
end

-- Seats free on every segment of [from, to).
local function free_words(class, from, to)
  local words, first = {}, row_of(class, from)
  for index = 1, class.words do words[index] = first[index] end
  for segment = from + 1, to - 1 do
    local row = row_of(class, segment)
    for index = 1, class.words do words[index] = band(words[index], row[index]) end
  end
  return words
end
