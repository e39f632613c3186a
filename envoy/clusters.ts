import { TRACES_CLUSTER } from './observe.ts';

/** A process behind the edge: `<NAME>_HOST` and `<NAME>_PORT` are filled in by render. */
export function grpcCluster(name: string): object {
  return {
    ...base(name, name),
    ...speaking({
      explicit_http_config: {
        http2_protocol_options: {
          max_concurrent_streams: 1000,
          connection_keepalive: { interval: '30s', timeout: '5s' },
        },
      },
      common_http_protocol_options: { idle_timeout: '300s' },
    }),
    health_checks: [
      {
        timeout: '1s',
        interval: '2s',
        no_traffic_interval: '5s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        // By this name a proxy in between finds the service.
        grpc_health_check: { authority: `\${${name.toUpperCase()}_HOST}` },
      },
    ],
  };
}

/** An HTTP/1.1 endpoint of a process: keys of identity, callbacks of payment, receipts of notification. */
export function httpCluster(name: string, variable: string): object {
  return { ...base(name, variable), ...speaking({ explicit_http_config: { http_protocol_options: {} }, common_http_protocol_options: { idle_timeout: '60s' } }) };
}

/** Who takes spans. Where there is none, nothing is sent, and nobody is asked for its health. */
export function collectorCluster(): object {
  return { ...base(TRACES_CLUSTER, TRACES_CLUSTER), ...speaking({ explicit_http_config: { http2_protocol_options: {} } }) };
}

/** Which HTTP is spoken to a cluster, and how. */
function speaking(options: object): object {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { typed_extension_protocol_options: { [name]: { '@type': `type.googleapis.com/${name}`, ...options } } };
}

function base(name: string, variable: string): Record<string, unknown> {
  const upper = variable.toUpperCase();
  return {
    name,
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_PREFERRED',
    connect_timeout: '1s',
    per_connection_buffer_limit_bytes: 1_048_576,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: `\${${upper}_HOST}`, port_value: `\${${upper}_PORT}` } } } }] }],
    },
    // What waits beyond these is refused at once with OVERLOADED, so that accepted work finishes.
    circuit_breakers: { thresholds: [{ max_connections: 256, max_pending_requests: 1024, max_requests: 8192, max_retries: 16 }] },
    // Only answers that the gateway itself would give count; a refusal by a rule of ours is not an illness.
    outlier_detection: {
      consecutive_5xx: 1_000_000,
      enforcing_consecutive_5xx: 0,
      consecutive_gateway_failure: 10,
      enforcing_consecutive_gateway_failure: 100,
      interval: '5s',
      base_ejection_time: '10s',
      max_ejection_percent: 50,
    },
  };
}
