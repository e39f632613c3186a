-- Seats for a group: all or nothing, decided in memory.

local MAX_PARTS = 3

-- Two or three seats that follow one another: always the one that reaches furthest, which gives the fewest changes.
local function chain(run, class, from, to, entitled)
  local parts, at, allowed = {}, from, allowed_mask(run, class, entitled)
  while at < to do
    if #parts == MAX_PARTS then return nil end
    local words, reach = free_words(class, at, at + 1, allowed), at + 1
    if not first_seat(words) then return nil end
    while reach < to do
      local further = both(words, free_words(class, reach, reach + 1))
      if not first_seat(further) then break end
      words, reach = further, reach + 1
    end
    parts[#parts + 1] = { first_seat(words), at, reach }
    at = reach
  end
  return parts
end

-- Which item gets a place from which lot when each lot has room for some: augmenting paths (Kuhn), so that a group fits
-- whenever any assignment fits it. Earlier items keep their better lot unless that would leave a later one without any.
local function assign(items, lots_of, room)
  local holders = {}
  local function try(item, seen)
    for _, lot in ipairs(lots_of[item]) do
      local inside = holders[lot] or {}
      holders[lot] = inside
      -- A lot that is being rearranged only seems to have room.
      if not seen[lot] and #inside < room[lot] then
        inside[#inside + 1] = item
        return true
      end
    end
    for _, lot in ipairs(lots_of[item]) do
      if not seen[lot] and room[lot] > 0 then
        seen[lot] = true
        for position, other in ipairs(holders[lot]) do
          table.remove(holders[lot], position)
          if try(other, seen) then
            holders[lot][#holders[lot] + 1] = item
            return true
          end
          table.insert(holders[lot], position, other)
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

-- Named seats; false when one is taken or kept for others.
local function take_named(run, hold, placed)
  for _, item in ipairs(hold.items) do
    if item.seat then
      local code, index = tostring(item.seat[1]), item.seat[2]
      local class = class_of(run, code)
      local allowed = class and allowed_mask(run, class, item.quotas)
      if not class or not is_free(class, index, hold.from, hold.to) or (allowed and not has_bit(allowed, index)) then return false end
      take(run, placed, item, code, index, hold.from, hold.to)
    end
  end
  return true
end

-- The quotas that all of a group may buy from.
local function common_quotas(items)
  local common = {}
  for _, number in ipairs(items[1].quotas) do
    local shared = true
    for _, item in ipairs(items) do shared = shared and contains(item.quotas, number) end
    if shared then common[#common + 1] = number end
  end
  return common
end

-- The whole group in one class, side by side or in one coach; false when no class can.
local function take_close(run, hold, items, placed)
  local entitled = common_quotas(items)
  for _, code in ipairs(items[1].classes) do
    local class = code ~= STANDING and class_of(run, code)
    if class then
      local view = survey(class, hold.from, hold.to, hold.wish, allowed_mask(run, class, entitled))
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

-- A lot is what is free of a class for everybody, or of one of its quotas: each seat is in one lot only.
local function add_lot(run, hold, lots, room, code, quota)
  local name = quota and code .. '/' .. quota.number or code
  if room[name] then return name end
  if code == STANDING then
    room[name] = standing_left(run, hold.from, hold.to)
    return name
  end
  local class = class_of(run, code)
  if not class then
    room[name] = 0
    return name
  end
  local allowed
  if quota then
    allowed = mask_where(class.info, 'in:' .. quota.first .. '+' .. quota.count, function(index) return in_quota(quota, index) end)
  else
    allowed = allowed_mask(run, class, NO_QUOTAS)
  end
  lots[name] = survey(class, hold.from, hold.to, hold.wish, allowed)
  room[name] = count_ones(candidates(lots[name], hold.wish.required))
  return name
end

-- Each item with what its classes offer it, in its order of classes; kept seats before those that anybody may buy.
local function take_apart(run, hold, items, placed)
  local lots, room, lots_of = {}, {}, {}
  for _, item in ipairs(items) do
    local names = {}
    for _, code in ipairs(item.classes) do
      for _, quota in ipairs(run.quotas) do
        if quota.code == code and contains(item.quotas, quota.number) then names[#names + 1] = add_lot(run, hold, lots, room, code, quota) end
      end
      names[#names + 1] = add_lot(run, hold, lots, room, code)
    end
    lots_of[item] = names
  end
  local holders = assign(items, lots_of, room)
  if not holders then return false end
  for name, inside in pairs(holders) do
    local seats = lots[name] and pick(lots[name], hold.wish.required, #inside)
    local code = string.match(name, '^%d+')
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
        parts = parts or (class and chain(run, class, hold.from, hold.to, item.quotas))
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

local function take_unnamed(run, hold, items, placed)
  local close = #items > 1 and (hold.wish.together or hold.wish.same_coach)
  if close and same_classes(items) and take_close(run, hold, items, placed) then return true end
  if close and hold.wish.required then return false end
  if take_apart(run, hold, items, placed) then return true end
  return hold.changes and not hold.wish.required and take_with_changes(run, hold, items, placed)
end

local function take_all(run, hold, placed)
  if not take_named(run, hold, placed) then return 'SEAT_LOCKED' end
  local items = {}
  for _, item in ipairs(hold.items) do
    if not item.seat then items[#items + 1] = item end
  end
  return (#items == 0 or take_unnamed(run, hold, items, placed)) and 'HELD' or 'SOLD_OUT'
end

-- Takes places for the group in memory: 'HELD' and the places, or why not; then the run is as it was.
local function place_group(run, hold)
  local placed = {}
  local outcome = take_all(run, hold, placed)
  if outcome == 'HELD' then return outcome, placed end
  for _, place in ipairs(placed) do mark(run, place, true) end
  return outcome, nil
end
