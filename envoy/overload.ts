/**
 * What the edge does when it runs short of memory or is held by too many connections, step by step, so that what was let in
 * finishes: https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge
 */
export function overloadManager(): object {
  return {
    refresh_interval: '0.25s',
    // Streams that hold less than 2^20 bytes are not looked at when memory is taken back.
    buffer_factory_config: { minimum_account_to_track_power_of_two: 20 },
    resource_monitors: [
      {
        name: HEAP,
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', max_heap_size_bytes: '${MAX_HEAP_BYTES}' },
      },
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: '${MAX_CONNECTIONS}',
        },
      },
    ],
    actions: [
      { name: 'envoy.overload_actions.reduce_timeouts', triggers: between(0.85, 0.95), typed_config: shorterTimeouts() },
      { name: 'envoy.overload_actions.shrink_heap', triggers: above(0.9) },
      { name: 'envoy.overload_actions.disable_http_keepalive', triggers: above(0.92) },
      // The streams that hold most go first: whoever reads slower than we write.
      { name: 'envoy.overload_actions.reset_high_memory_stream', triggers: between(0.92, 0.98) },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: above(0.95) },
      { name: 'envoy.overload_actions.reject_incoming_connections', triggers: above(0.98) },
    ],
  };
}

/**
 * Who opens streams only to reset them (CVE-2023-44487) is sent away after this many on one connection, if more than half lived
 * less than a second. And nobody keeps a worker from the others by sending much at once.
 */
export function runtime(): object {
  return {
    layers: [
      {
        name: 'edge',
        static_layer: {
          'overload.premature_reset_total_stream_count': 200,
          'overload.premature_reset_min_stream_lifetime_seconds': 1,
          'http.max_requests_per_io_cycle': 10,
          // Who floods the port without TLS takes no connection from the one that sells.
          'envoy.resource_limits.listener.redirect.connection_limit': '${MAX_REDIRECT_CONNECTIONS}',
        },
      },
    ],
  };
}

const HEAP = 'envoy.resource_monitors.fixed_heap';

function above(value: number): object[] {
  return [{ name: HEAP, threshold: { value } }];
}

/** Stronger the nearer it comes to the second value. */
function between(scaling_threshold: number, saturation_threshold: number): object[] {
  return [{ name: HEAP, scaled: { scaling_threshold, saturation_threshold } }];
}

/** Of those who do nothing or are slow. */
function shorterTimeouts(): object {
  return {
    '@type': 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
    timer_scale_factors: [
      { timer: 'HTTP_DOWNSTREAM_CONNECTION_IDLE', min_timeout: '2s' },
      { timer: 'HTTP_DOWNSTREAM_STREAM_IDLE', min_timeout: '10s' },
      { timer: 'HTTP_DOWNSTREAM_STREAM_FLUSH', min_timeout: '2s' },
      { timer: 'TRANSPORT_SOCKET_CONNECT', min_timeout: '2s' },
    ],
  };
}
