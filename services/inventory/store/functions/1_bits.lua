-- Words of 32 bits. A bit that is set is a seat that is taken; bits behind the last seat of a class are always set.
local band, bor, bnot, rshift

-- Redis shows a library its modules only while a function runs, not while the library is loaded.
local function ready(callback)
  return function(keys, args)
    if not band then band, bor, bnot, rshift = bit.band, bit.bor, bit.bnot, bit.rshift end
    return callback(keys, args)
  end
end

-- The value of each bit as the bit library answers it: a table is read faster than a function is called.
local BIT = {}
for index = 0, 30 do BIT[index] = 2 ^ index end
BIT[31] = -2 ^ 31

-- Where the only bit of a word stands.
local PLACE = {}
for index = 0, 31 do PLACE[BIT[index]] = index end

local function lowest_bit(word)
  return PLACE[band(word, -word)]
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
    if word ~= 0 then total = total + ONES[band(word, 65535)] + ONES[rshift(word, 16)] end
  end
  return total
end

-- Word and bit of a seat, both counted from 0.
local function place_of(seat)
  local low = seat % 32
  return (seat - low) / 32, low
end

local function has_bit(words, seat)
  local word, low = place_of(seat)
  return band(words[word + 1], BIT[low]) ~= 0
end

local function set_bit(words, seat)
  local word, low = place_of(seat)
  words[word + 1] = bor(words[word + 1], BIT[low])
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

-- The first bit of a list of words, counted from 0; nil when none is set.
local function first_seat(words)
  for index = 1, #words do
    if words[index] ~= 0 then return (index - 1) * 32 + lowest_bit(words[index]) end
  end
  return nil
end
