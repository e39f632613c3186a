-- Seats for a group: all or nothing, decided in memory.

local MAX_PARTS = 3

-- Two or three seats that follow one another: always the one that reaches furthest, which gives the fewest changes.
local function chain(class, from, to)
  local parts, at = {}, from
  while at < to do
    if #parts == MAX_PARTS then return nil end
    local words, reach = row_of(class, at), at + 1
    if not lowest_bit(words) then return nil end
    while reach < to do
      local further = both(words, row_of(class, reach))
      if not lowest_bit(further) then break end
      words, reach = further, reach + 1
    end
    parts[#parts + 1] = { lowest_bit(words), at, reach }
    at = reach
  end
  return parts
end

-- Which item gets which class when each class has room for some: augmenting paths (Kuhn), so that a group fits whenever
-- any assignment fits it. Earlier items keep their better class unless that would leave a later one without any.
local function assign(items, room)
  local holders = {}
  local function try(item, seen)
    for _, code in ipairs(item.classes) do
      local inside = holders[code] or {}
      holders[code] = inside
      -- A class that is being rearranged only seems to have room.
      if not seen[code] and #inside < (room[code] or 0) then
        inside[#inside + 1] = item
        return true
      end
    end
    for _, code in ipairs(item.classes) do
      if not seen[code] and (room[code] or 0) > 0 then
        seen[code] = true
        for position, other in ipairs(holders[code]) do
          table.remove(holders[code], position)
          if try(other, seen) then
            holders[code][#holders[code] + 1] = item
            return true
          end
          table.insert(holders[code], position, other)
        end
      end
    end
    return false
  end
  for _, item in ipairs(items) do
    if not try(item, {}) then return nil end
  end
  return holders
end

local function take(run, placed, item, code, index, from, to)
  local place = { item.id, tonumber(code), index, from, to }
  mark(run, place, false)
  placed[#placed + 1] = place
end

-- Named seats; false when one is taken.
local function take_named(run, hold, placed)
  for _, item in ipairs(hold.items) do
    if item.seat then
      local code, index = tostring(item.seat[1]), item.seat[2]
      local class = class_of(run, code)
      if not class or not has_bit(free_words(class, hold.from, hold.to), index) then return false end
      take(run, placed, item, code, index, hold.from, hold.to)
    end
  end
  return true
end

-- The whole group in one class, side by side or in one coach; false when no class can.
local function take_close(run, hold, items, placed)
  for _, code in ipairs(items[1].classes) do
    local class = code ~= STANDING and class_of(run, code)
    if class then
      local view = survey(run, class, hold.from, hold.to, hold.wish)
      local wished = candidates(view, true)
      local required, count = hold.wish.required, #items
      local seats = hold.wish.together and (together(class, view, wished, count) or (not required and together(class, view, view.free, count)))
      if not seats and not (required and hold.wish.together) then
        seats = same_coach(class, view, wished, required, count) or (not required and same_coach(class, view, view.free, required, count))
      end
      if not seats and not required and count_ones(view.free) >= count then seats = pick(view, false, count) end
      if seats and #seats == count then
        for position, item in ipairs(items) do take(run, placed, item, code, seats[position], hold.from, hold.to) end
        return true
      end
    end
  end
  return false
end

local function take_apart(run, hold, items, placed)
  local views, room = {}, {}
  for _, item in ipairs(items) do
    for _, code in ipairs(item.classes) do
      if room[code] == nil then
        local class = code ~= STANDING and class_of(run, code)
        if class then views[code] = survey(run, class, hold.from, hold.to, hold.wish) end
        room[code] = code == STANDING and standing_left(run, hold.from, hold.to) or (class and count_ones(candidates(views[code], hold.wish.required)) or 0)
      end
    end
  end
  local holders = assign(items, room)
  if not holders then return false end
  for code, inside in pairs(holders) do
    local seats = views[code] and pick(views[code], hold.wish.required, #inside)
    for position, item in ipairs(inside) do take(run, placed, item, code, seats and seats[position] or -1, hold.from, hold.to) end
  end
  return true
end

-- Each item alone, with a change of seat where no seat goes through.
local function take_with_changes(run, hold, items, placed)
  for _, item in ipairs(items) do
    if not take_apart(run, hold, { item }, placed) then
      local parts, chosen
      for _, code in ipairs(item.classes) do
        local class = code ~= STANDING and class_of(run, code)
        parts = parts or (class and chain(class, hold.from, hold.to))
        chosen = chosen or (parts and code)
      end
      if not parts then return false end
      for _, part in ipairs(parts) do take(run, placed, item, chosen, part[1], part[2], part[3]) end
    end
  end
  return true
end

local function same_classes(items)
  local first = table.concat(items[1].classes, ',')
  for _, item in ipairs(items) do
    if table.concat(item.classes, ',') ~= first then return false end
  end
  return true
end

local function take_all(run, hold, placed)
  if not take_named(run, hold, placed) then return 'SEAT_LOCKED' end
  local items = {}
  for _, item in ipairs(hold.items) do
    if not item.seat then items[#items + 1] = item end
  end
  if #items == 0 then return 'HELD' end
  local close = #items > 1 and (hold.wish.together or hold.wish.same_coach)
  if close and same_classes(items) and take_close(run, hold, items, placed) then return 'HELD' end
  if not (close and hold.wish.required) then
    if take_apart(run, hold, items, placed) then return 'HELD' end
    if hold.changes and not hold.wish.required and take_with_changes(run, hold, items, placed) then return 'HELD' end
  end
  return 'SOLD_OUT'
end

-- Takes places for the group in memory: 'HELD' and the places, or why not; then the run is as it was.
local function place_group(run, hold)
  local placed = {}
  local outcome = take_all(run, hold, placed)
  if outcome == 'HELD' then return outcome, placed end
  for _, place in ipairs(placed) do mark(run, place, true) end
  return outcome, nil
end
