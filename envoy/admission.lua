-- Fewer submissions while order says that it has more than it can answer in time: the rest is refused here, before the token
-- and the limits are looked at. The share that is let in shrinks with each refusal of order's that a moment brings, and grows
-- again by itself, as senders on a network find their pace; so order refuses a few a second and the edge all others.
-- Each worker of the edge keeps a share of its own. `SUBMIT`, the path, stands above.

local SHRINK = 0.8
local SHRINK_EVERY_MS = 100
local GROW_PER_S = 1.5
-- So much is always let in, since without answers nobody would know that it is over.
local SHARE_MIN = 1 / 64

local share = 1
local grown_ms = 0
local shrunk_ms = 0
local credit = 0

local function letsIn(now_ms)
  if share < 1 then share = math.min(1, share * GROW_PER_S ^ ((now_ms - grown_ms) / 1000)) end
  grown_ms = now_ms
  if share >= 1 then return true end
  credit = credit + share
  if credit < 1 then return false end
  credit = credit - 1
  return true
end

function envoy_on_request(handle)
  if handle:headers():get(":path") ~= SUBMIT or letsIn(handle:timestamp()) then return end
  handle:respond({ [":status"] = "429" }, "")
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("x-overloaded") == nil then return end
  headers:remove("x-overloaded")
  local now_ms = handle:timestamp()
  if now_ms - shrunk_ms < SHRINK_EVERY_MS then return end
  -- What was refused in the same moment says the same thing once.
  shrunk_ms = now_ms
  share = math.max(SHARE_MIN, share * SHRINK)
end
