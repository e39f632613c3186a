-- Gives each client the error it can read. Services answer gRPC; the transcoder and the bridges inside of this filter turn
-- that into HTTP, and what the edge refuses by itself never was gRPC. Above stand, by the names of the edge's own answers
-- (envoy/replies.ts): `REPLIES`, Connect's form of each, and `MESSAGES`, its text.

local FORM = "chunyun.edge"

local function begins(text, start)
  return string.sub(text, 1, #start) == start
end

-- Connect's end-of-stream envelope: flag 2, length, JSON.
local function endOfStream(json)
  local n = #json
  return string.char(2, math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256) .. json
end

-- Envoy's bridge leaves the message percent-encoded, writes Any's type URLs and pads base64; Connect wants text, names and none.
local function mended(json)
  json = string.gsub(json, "%%(%x%x)", function(hex)
    local byte = tonumber(hex, 16)
    if byte < 32 then return string.format("\\u%04x", byte) end
    local char = string.char(byte)
    return (char == '"' or char == "\\") and "\\" .. char or char
  end)
  json = string.gsub(json, '"type":"type%.googleapis%.com/', '"type":"')
  return (string.gsub(json, '("value":"[%w+/]*)=+"', '%1"'))
end

local function withRetry(json, info)
  if info == nil then return json end
  return (string.gsub(json, '("type":"google%.rpc%.RetryInfo","value":")[%w+/]*"', function(start) return start .. info .. '"' end))
end

local function formOf(handle)
  local known = handle:streamInfo():dynamicMetadata():get(FORM)
  return known and known["form"]
end

-- Envoy sets the length with the bytes. Headers are not to be touched after it: the body is waited for, and no object that
-- was got before a wait may be used behind it.
local function setBody(handle, bytes)
  handle:body(true):setBytes(bytes)
end

-- Whether the copy that a client has is the answer: weak comparison (RFC 9110, 13.1.2).
local function isSame(etag, none_match)
  return none_match == "*" or string.find(none_match, string.match(etag, '"[^"]*"') or etag, 1, true) ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- Envoy's cache passes on who asks conditionally, so the condition is kept here and the answer compared with it.
  local none_match = headers:get("if-none-match")
  if none_match ~= nil and headers:get(":method") == "GET" then
    handle:streamInfo():dynamicMetadata():set(FORM, "none_match", none_match)
    headers:remove("if-none-match")
  end
  local path = headers:get(":path")
  local by_url = headers:get(":method") == "GET" and string.find(path, "[?&]connect=v1") ~= nil
  -- Answers are kept by host and path: by a made-up host nobody may have the same asked again, or fill the room.
  if by_url then headers:replace(":authority", "chunyun") end
  local kind = headers:get("content-type") or ""
  local form
  if begins(kind, "application/connect+") then
    form = "stream"
  elseif headers:get("connect-protocol-version") ~= nil then
    form = "unary"
  elseif kind == "" then
    if begins(path, "/assets/") then
      form = "asset"
    elseif by_url then
      form = "unary"
    end
  end
  if form ~= nil then handle:streamInfo():dynamicMetadata():set(FORM, "form", form) end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(":status")
  local kind = headers:get("content-type") or ""
  local wanted = headers:get("x-http-status")
  if wanted ~= nil then headers:remove("x-http-status") end
  local own = headers:get("x-edge-reply")
  local retry = headers:get("x-edge-retry-info")
  if own ~= nil then
    headers:remove("x-edge-reply")
    headers:remove("x-edge-retry-delay")
  end
  if retry ~= nil then headers:remove("x-edge-retry-info") end

  if begins(kind, "application/grpc") then
    -- Envoy has put the body for others into the message; and gRPC-Web's status stands in the headers, HTTP's must not contradict it.
    if own ~= nil then headers:replace("grpc-message", MESSAGES[own]) end
    if status ~= "200" then headers:replace(":status", "200") end
    return
  end
  if status == "200" or status == "206" or status == "304" then
    local etag = headers:get("etag")
    -- Numbers are for the channel of the token, where there is one.
    if etag ~= nil and begins(headers:get("cache-control") or "", "public") then headers:replace("vary", "authorization") end
    local known = handle:streamInfo():dynamicMetadata():get(FORM)
    if etag ~= nil and known and known["none_match"] and isSame(etag, known["none_match"]) then
      headers:replace(":status", "304")
      headers:remove("content-type")
      headers:remove("content-length")
      setBody(handle, "")
      return
    end
    if begins(kind, "application/connect+") then
      for chunk in handle:bodyChunks() do
        local n = chunk:length()
        -- The bridge adds the last envelope as a piece of its own.
        if n > 6 and chunk:getBytes(0, 1) == "\2" and chunk:getBytes(5, 1) == "{" then
          local json = chunk:getBytes(5, n - 5)
          local better = mended(json)
          if better ~= json then chunk:setBytes(endOfStream(better)) end
        end
      end
    elseif formOf(handle) == "asset" then
      -- Names under /assets/ carry a hash of their content. What is not there may come with the next version.
      headers:replace("cache-control", "public, max-age=31536000, immutable")
    end
    return
  end

  headers:remove("grpc-status")
  headers:remove("grpc-message")
  headers:remove("grpc-status-details-bin")
  local form = formOf(handle)
  if form ~= "unary" and form ~= "stream" then
    if wanted ~= nil and begins(kind, "application/json") then headers:replace(":status", wanted) end
  elseif own ~= nil then
    local json = withRetry(REPLIES[own], retry)
    if form == "stream" then
      headers:replace(":status", "200")
      headers:replace("content-type", "application/connect+proto")
      setBody(handle, endOfStream('{"error":' .. json .. "}"))
    else
      setBody(handle, json)
    end
  elseif begins(kind, "application/json") then
    local body = handle:body()
    if body ~= nil then setBody(handle, mended(body:getBytes(0, body:length()))) end
  end
end
