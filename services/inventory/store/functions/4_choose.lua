-- Choosing seats of one class: the wish first, and within it those whose neighbouring segments are taken, so that long
-- free stretches stay whole.

local FLAGS = { window = 1, aisle = 2, lower = 4, middle = 8, upper = 16, quiet = 32 }
local BERTH = 28
local MAX_MASKS = 256

local function mask_where(info, name, test)
  local mask = info.masks[name]
  if not mask then
    if info.masks_kept >= MAX_MASKS then info.masks, info.masks_kept = {}, 0 end
    mask = zeros(info.words)
    for index = 0, info.n - 1 do
      if test(index) then set_bit(mask, index) end
    end
    info.masks[name] = mask
    info.masks_kept = info.masks_kept + 1
  end
  return mask
end

local function flag_mask(info, name)
  local flag = FLAGS[name]
  return mask_where(info, name, function(index) return band(info.flag[index + 1], flag) ~= 0 end)
end

local function letter_mask(info, letters)
  return mask_where(info, 'letters:' .. letters, function(index)
    return string.find(letters, string.sub(info.letter, index + 1, index + 1), 1, true) ~= nil
  end)
end

-- Seats that fulfil all wishes, or nil where none is stated.
local function wish_mask(info, wish)
  local mask
  local function narrow(with) mask = mask and both(mask, with) or with end
  for _, name in ipairs(wish.flags) do narrow(flag_mask(info, name)) end
  if wish.letters ~= '' then narrow(letter_mask(info, wish.letters)) end
  return mask
end

local function contains(list, value)
  for _, one in ipairs(list) do
    if one == value then return true end
  end
  return false
end

-- The quotas of a class this buyer may not buy from; each is a span of seats.
local function closed_to(run, code, entitled)
  local closed = {}
  for _, quota in ipairs(run.quotas) do
    if quota.code == code and not contains(entitled, quota.number) then closed[#closed + 1] = quota end
  end
  return closed
end

local function in_quota(quota, index)
  return index >= quota.first and index < quota.first + quota.count
end

-- Seats of a class that a buyer with these quotas may have; nil for all.
local function allowed_mask(run, class, entitled)
  if #run.quotas == 0 then return nil end
  local closed = closed_to(run, class.code, entitled)
  if #closed == 0 then return nil end
  local names = {}
  for position, quota in ipairs(closed) do names[position] = quota.first .. '+' .. quota.count end
  return mask_where(class.info, 'not:' .. table.concat(names, ','), function(index)
    for _, quota in ipairs(closed) do
      if in_quota(quota, index) then return false end
    end
    return true
  end)
end

-- Spans of consecutive bits of one unit (`key` = 'unit') or one coach.
local function spans_of(info, key)
  local name = 'spans_' .. key
  if not info[name] then
    local spans, values = {}, info[key]
    for index = 0, info.n - 1 do
      local last = spans[#spans]
      if last and last.value == values[index + 1] then
        last.count = last.count + 1
      else
        spans[#spans + 1] = { value = values[index + 1], first = index, count = 1 }
      end
    end
    info[name] = spans
  end
  return info[name]
end

-- The first seat that nobody has touched.
local function untouched_seat(class)
  return class.touched < class.words and class.touched * 32 or nil
end

-- The one best seat for a trip without wishes; nil when none is free. This is what most calls are, so it decides while it
-- looks: no tables, no calls for what `used_word` does, and no seats behind the first that nobody has touched.
local function best_seat(class, from, to)
  local taken, segments = class.taken, class.segments
  local half, half_at, any, any_at
  for word = 0, class.touched - 1 do
    local first = word * segments
    local at, stop = first + from + 1, first + to
    local used = taken[at]
    while at + 4 <= stop and used ~= -1 do
      used = bor(used, taken[at + 1], taken[at + 2], taken[at + 3], taken[at + 4])
      at = at + 4
    end
    while at < stop and used ~= -1 do
      at = at + 1
      used = bor(used, taken[at])
    end
    if used ~= -1 then
      local free = bnot(used)
      local before = from == 0 and -1 or taken[first + from]
      local after = to == segments and -1 or taken[first + to + 1]
      local tight = band(free, before, after)
      if tight ~= 0 then return word * 32 + lowest_bit(tight) end
      if not half then
        local one_side = band(free, bor(before, after))
        if one_side ~= 0 then
          half, half_at = one_side, word
        elseif not any then
          any, any_at = free, word
        end
      end
    end
  end
  if half then return half_at * 32 + lowest_bit(half) end
  if any then return any_at * 32 + lowest_bit(any) end
  return untouched_seat(class)
end

-- What is free of a class on a stretch, and where its neighbouring segments are taken.
local function survey(class, from, to, wish, allowed)
  return { free = free_words(class, from, to, allowed), left = taken_words(class, from - 1), right = taken_words(class, to), wish = wish_mask(class.info, wish) }
end

local function candidates(view, required)
  if required and view.wish then return both(view.free, view.wish) end
  return view.free
end

-- Up to `count` seats in the order of merit: wish and tight, wish, tight, any. `within` narrows to some seats.
local function pick(view, required, count, within)
  local rest, found = both(view.free, within or view.free), {}
  local first, last = view.wish and 1 or 4, (view.wish and required) and 3 or 6
  for tier = first, last do
    for index = 1, #rest do
      local word = rest[index]
      if word ~= 0 then
        if tier <= 3 then word = band(word, view.wish[index]) end
        local fit = tier % 3
        if fit == 1 then word = band(word, view.left[index], view.right[index]) end
        if fit == 2 then word = band(word, bor(view.left[index], view.right[index])) end
        while word ~= 0 do
          local low = lowest_bit(word)
          local others = bnot(BIT[low])
          found[#found + 1] = (index - 1) * 32 + low
          rest[index] = band(rest[index], others)
          word = band(word, others)
          if #found == count then return found end
        end
      end
    end
  end
  return found
end

local function tightness(view, index)
  return (has_bit(view.left, index) and 1 or 0) + (has_bit(view.right, index) and 1 or 0)
end

-- `count` neighbouring seats of one row, or any of one compartment; a larger group gets consecutive seats of a coach.
local function together(class, view, words, count)
  local info, best, best_score = class.info, nil, -1
  local berths = band(info.flag[1] or 0, BERTH) ~= 0
  local spans, largest = spans_of(info, 'unit'), 0
  for _, span in ipairs(spans) do largest = math.max(largest, span.count) end
  if count > largest then spans, berths = spans_of(info, 'coach'), false end
  for _, span in ipairs(spans) do
    local run_of = {}
    for index = span.first, span.first + span.count - 1 do
      if has_bit(words, index) then
        run_of[#run_of + 1] = index
        if #run_of >= count then
          local score = 0
          for at = #run_of - count + 1, #run_of do score = score + tightness(view, run_of[at]) end
          if score > best_score then
            best, best_score = { unpack(run_of, #run_of - count + 1) }, score
          end
        end
      elseif not berths then
        run_of = {}
      end
    end
    if best_score == 2 * count then break end
  end
  return best
end

-- `count` seats of one coach: of those that have enough the fullest, so that emptier ones stay for larger groups.
local function same_coach(class, view, words, required, count)
  local best, fewest
  for _, span in ipairs(spans_of(class.info, 'coach')) do
    local free = 0
    for index = span.first, span.first + span.count - 1 do
      if has_bit(words, index) then free = free + 1 end
    end
    if free >= count and (not fewest or free < fewest) then best, fewest = span, free end
  end
  if not best then return nil end
  local inside = mask_where(class.info, 'coach:' .. best.value, function(index) return class.info.coach[index + 1] == best.value end)
  return pick(view, required, count, inside)
end
