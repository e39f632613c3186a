#!lua name=risk_limits_v1

-- A token bucket as one number (GCRA): the time at which the bucket would be full again. Time is the server's own, so all
-- edges and processes count by one clock.
-- KEYS: 1 bucket. ARGV: tokens per second, burst, tokens wanted.
-- Reply: {allowed 0|1, tokens left, microseconds until the wanted tokens are there, or until full}
local function take(keys, args)
  local now = redis.call('TIME')
  local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
  local emission_us = 1000000 / tonumber(args[1])
  local capacity_us = emission_us * tonumber(args[2])
  local full_at_us = math.max(tonumber(redis.call('GET', keys[1]) or now_us), now_us)
  local next_us = full_at_us + emission_us * tonumber(args[3])
  -- Half a microsecond of slack: the sums are floating point, and a full bucket must give its whole burst.
  if next_us - now_us > capacity_us + 0.5 then
    local left = math.floor((capacity_us - (full_at_us - now_us)) / emission_us + 0.000001)
    return {0, math.max(0, left), math.ceil(next_us - capacity_us - now_us)}
  end
  redis.call('SET', keys[1], string.format('%.3f', next_us), 'PX', math.ceil((next_us - now_us) / 1000) + 1)
  return {1, math.floor((capacity_us - (next_us - now_us)) / emission_us + 0.000001), math.ceil(next_us - now_us)}
end

redis.register_function('risk_limits_v1_take', take)
