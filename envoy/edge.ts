import { grpcCluster, httpCluster } from './clusters.ts';
import { edgeMethods, type EdgeMethod } from './contracts.ts';
import { httpFilters } from './filters.ts';
import { localReplies } from './replies.ts';
import { MAX_DIRECT_RESPONSE_BYTES, publicHost } from './routes.ts';

/** Bytes of heap at which the edge stops keep-alives, and at which it refuses. */
const MAX_HEAP_BYTES = 1_073_741_824;

const MAX_CONNECTIONS = 50_000;

/**
 * The whole configuration of the edge, with `${NAME}` where an address, a path or a number of the place it runs in
 * belongs. The same file serves the local stack and the cluster.
 */
export function edgeConfig(): object {
  const methods = edgeMethods();
  const manager = connectionManager(methods);
  const upstreams = [...new Set([...methods.map((method) => method.upstream), 'risk'])].toSorted();
  return {
    node: { id: 'edge', cluster: 'edge' },
    admin: { address: address('127.0.0.1', '${ADMIN_PORT}') },
    static_resources: {
      listeners: [listener('public', '${LISTEN_PORT}', manager), listener('public_tls', '${TLS_PORT}', manager, tls())],
      clusters: [
        ...upstreams.map(grpcCluster),
        httpCluster('identity_http', 'identity_http'),
        httpCluster('payment_http', 'payment_http'),
        httpCluster('notification_http', 'notification_http'),
      ],
    },
    overload_manager: overloadManager(),
  };
}

function listener(name: string, port: string, manager: object, transport_socket?: object): object {
  return {
    name,
    address: address('${LISTEN_HOST}', port),
    per_connection_buffer_limit_bytes: 1_048_576,
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
        ...(transport_socket === undefined ? {} : { transport_socket }),
      },
    ],
  };
}

function connectionManager(methods: EdgeMethod[]): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'public',
    codec_type: 'AUTO',
    server_name: 'chunyun',
    use_remote_address: true,
    // Nobody may steer timeouts and retries by x-envoy-… headers, wherever the address is from. (An empty list would mean
    // Envoy's default: that private addresses and this machine may.)
    internal_address_config: { cidr_ranges: [{ address_prefix: '255.255.255.255', prefix_len: 32 }] },
    xff_num_trusted_hops: '${TRUSTED_HOPS}',
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    common_http_protocol_options: {
      idle_timeout: '300s',
      headers_with_underscores_action: 'REJECT_REQUEST',
      max_headers_count: 100,
    },
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
    },
    max_request_headers_kb: 32,
    request_headers_timeout: '5s',
    request_timeout: '15s',
    stream_idle_timeout: '300s',
    delayed_close_timeout: '1s',
    generate_request_id: true,
    always_set_request_id_in_response: true,
    strip_any_host_port: true,
    access_log: [accessLog()],
    local_reply_config: localReplies(),
    route_config: {
      name: 'public',
      max_direct_response_body_size_bytes: MAX_DIRECT_RESPONSE_BYTES,
      virtual_hosts: [publicHost(methods)],
    },
    http_filters: httpFilters(methods),
  };
}

/** One line a request. Paths go in without their query; nothing personal is in a header that is named here. */
function accessLog(): object {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: '${ACCESS_LOG}',
      log_format: {
        json_format: {
          time: '%START_TIME%',
          method: '%REQ(:METHOD)%',
          path: '%PATH(NQ:ORIG)%',
          protocol: '%PROTOCOL%',
          status: '%RESPONSE_CODE%',
          grpc_status: '%GRPC_STATUS%',
          flags: '%RESPONSE_FLAGS%',
          duration_ms: '%DURATION%',
          upstream: '%UPSTREAM_CLUSTER%',
          bytes_in: '%BYTES_RECEIVED%',
          bytes_out: '%BYTES_SENT%',
          request_id: '%REQ(X-REQUEST-ID)%',
          traceparent: '%REQ(TRACEPARENT)%',
          account_id: '%REQ(X-ACCOUNT-ID)%',
        },
      },
    },
  };
}

function tls(): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        tls_certificates: [{ certificate_chain: { filename: '${TLS_CERT}' }, private_key: { filename: '${TLS_KEY}' } }],
      },
    },
  };
}

/** Envoy's edge best practices: shed before memory runs out. */
function overloadManager(): object {
  const heap = (value: number): object[] => [{ name: 'envoy.resource_monitors.fixed_heap', threshold: { value } }];
  return {
    refresh_interval: '0.25s',
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.fixed_heap',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', max_heap_size_bytes: MAX_HEAP_BYTES },
      },
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: MAX_CONNECTIONS,
        },
      },
    ],
    actions: [
      { name: 'envoy.overload_actions.disable_http_keepalive', triggers: heap(0.92) },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: heap(0.95) },
    ],
  };
}

function address(host: string, port: string): object {
  return { socket_address: { address: host, port_value: port } };
}
