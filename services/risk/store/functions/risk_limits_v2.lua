#!lua name=risk_limits_v2

-- A token bucket as one number (GCRA): the time at which the bucket would be full again.
-- Reply: {allowed 0|1, tokens left, microseconds until the wanted tokens are there, or until full}
local function take(key, now_us, per_s, burst, wanted)
  local emission_us = 1000000 / per_s
  local capacity_us = emission_us * burst
  local full_at_us = math.max(tonumber(redis.call('GET', key) or now_us), now_us)
  local next_us = full_at_us + emission_us * wanted
  -- Half a microsecond of slack: the sums are floating point, and a full bucket must give its whole burst.
  if next_us - now_us > capacity_us + 0.5 then
    local left = math.floor((capacity_us - (full_at_us - now_us)) / emission_us + 0.000001)
    return {0, math.max(0, left), math.ceil(next_us - capacity_us - now_us)}
  end
  redis.call('SET', key, string.format('%.3f', next_us), 'PX', math.ceil((next_us - now_us) / 1000) + 1)
  return {1, math.floor((capacity_us - (next_us - now_us)) / emission_us + 0.000001), math.ceil(next_us - now_us)}
end

-- All buckets of one request, each for itself. Time is the server's own, so all edges and processes count by one clock.
-- KEYS: buckets. ARGV: tokens wanted, then tokens per second and burst of each bucket.
redis.register_function('risk_limits_v2_take', function(keys, args)
  local now = redis.call('TIME')
  local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
  local replies = {}
  for at, key in ipairs(keys) do
    replies[at] = take(key, now_us, tonumber(args[at * 2]), tonumber(args[at * 2 + 1]), tonumber(args[1]))
  end
  return replies
end)
