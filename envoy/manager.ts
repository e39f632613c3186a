import type { EdgeMethod } from './contracts.ts';
import { httpFilters, redirectFilters } from './filters.ts';
import { HSTS } from './headers.ts';
import { accessLog, tracing } from './observe.ts';
import { keptRoutes } from './reads.ts';
import { localReplies } from './replies.ts';
import { MAX_DIRECT_RESPONSE_BYTES, publicHost, redirectHost } from './routes.ts';

/**
 * Nobody may steer timeouts and retries by x-envoy-… headers, wherever the address is from. (An empty list would mean
 * Envoy's default: that private addresses and this machine may.)
 */
export const NOBODY_INTERNAL = { cidr_ranges: [{ address_prefix: '255.255.255.255', prefix_len: 32 }] };

/**
 * How HTTP is spoken to the outside: within TLS, without, and by who only says where TLS is. The first two differ in what a
 * browser is told to remember.
 */
export function connectionManagers(methods: EdgeMethod[]): { plain: object; tls: object; redirect: object } {
  const [first, ...rest] = httpFilters(methods);
  const replies = localReplies();
  const routes = {
    name: 'public',
    max_direct_response_body_size_bytes: MAX_DIRECT_RESPONSE_BYTES,
    virtual_hosts: [publicHost(methods, keptRoutes(methods))],
  };
  return {
    plain: { ...common('public'), local_reply_config: replies, route_config: routes, http_filters: [first, ...rest] },
    tls: { ...common('public'), local_reply_config: localReplies(HSTS), route_config: routes, http_filters: [httpFilters(methods, HSTS)[0], ...rest] },
    redirect: { ...common('redirect'), local_reply_config: replies, route_config: { name: 'redirect', virtual_hosts: [redirectHost()] }, http_filters: redirectFilters() },
  };
}

function common(stat_prefix: string): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix,
    codec_type: 'AUTO',
    server_name: 'chunyun',
    ...whoAsks(),
    ...paths(),
    ...limits(),
    generate_request_id: true,
    always_set_request_id_in_response: true,
    access_log: [accessLog()],
    tracing: tracing(),
  };
}

function whoAsks(): object {
  return {
    use_remote_address: true,
    internal_address_config: NOBODY_INTERNAL,
    xff_num_trusted_hops: '${TRUSTED_HOPS}',
    // A client's certificate would be named in x-forwarded-client-cert, which nobody may write but us; and we ask for none.
    forward_client_cert_details: 'SANITIZE',
  };
}

function paths(): object {
  return {
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    strip_any_host_port: true,
  };
}

function limits(): object {
  return {
    common_http_protocol_options: {
      idle_timeout: '300s',
      headers_with_underscores_action: 'REJECT_REQUEST',
      max_headers_count: 100,
      // Clients come back to whoever has room, also to an edge that was added since.
      max_connection_duration: '1800s',
    },
    http2_protocol_options: {
      max_concurrent_streams: 100,
      initial_stream_window_size: 65_536,
      initial_connection_window_size: 1_048_576,
      // A telephone that has left the network does not say so.
      connection_keepalive: { interval: '60s', timeout: '20s' },
    },
    max_request_headers_kb: 32,
    request_headers_timeout: '5s',
    request_timeout: '15s',
    stream_idle_timeout: '300s',
    // Whoever does not read what they asked for.
    stream_flush_timeout: '30s',
    // Between the first word that a connection ends and its end; what began in between is answered.
    drain_timeout: '5s',
    delayed_close_timeout: '1s',
  };
}
