import type { EdgeMethod } from './contracts.ts';
import { localReplies } from './replies.ts';
import { CONNECT_GET, methodRoute, READ_LIMITS } from './routes.ts';

const CACHE = 'envoy.filters.http.cache_v2';
const ANONYMOUS = { name: 'authorization', present_match: true, invert_match: true };

/** Room for kept answers, in bytes and in number; the least used go. */
export const MAX_CACHE_BYTES = 134_217_728;
const MAX_CACHE_ENTRIES = 20_000;

/** The way back into the edge, behind the cache. */
export const READS_LISTENER = 'reads';

/**
 * Envoy's cache stands where the request is still a GET and asks whom the route names past all filters behind itself. So the
 * public reads of nobody in particular are routed to a listener inside of the edge, which does for what is not kept all that the
 * edge does for other calls: bridge, limits, the service. Whoever shows a token goes the usual way, and is never kept.
 */
export function cache(): object {
  return {
    name: CACHE,
    disabled: true,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.cache_v2.v3.CacheV2Config',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.http.cache_v2.file_system_http_cache.v3.FileSystemHttpCacheV2Config',
        manager_config: { id: 'reads', thread_pool: { thread_count: 2 } },
        // The other store that Envoy has grows without end.
        cache_path: '${CACHE_DIR}',
        create_cache_path: true,
        max_cache_size_bytes: MAX_CACHE_BYTES,
        max_cache_entry_count: MAX_CACHE_ENTRIES,
      },
      // Nobody may make us do work for each reload.
      ignore_request_cache_control_header: true,
    },
  };
}

/** Routes of public reads that may be kept: by URL, by nobody. They stand before those of the same methods for everybody. */
export function keptRoutes(methods: readonly EdgeMethod[]): object[] {
  return publicReads(methods).map((method) => {
    const route = methodRoute(method, { ...CONNECT_GET, headers: [...CONNECT_GET.headers, ANONYMOUS] });
    return {
      ...route,
      name: `${method.path} kept`,
      route: { ...route.route, cluster: READS_LISTENER, auto_host_rewrite: false, rate_limits: [] },
      typed_per_filter_config: { [CACHE]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', config: {}, disabled: false } },
    };
  });
}

/** What the cache asks: inside of the same process. */
export function readsCluster(): object {
  return {
    name: READS_LISTENER,
    connect_timeout: '1s',
    load_assignment: { cluster_name: READS_LISTENER, endpoints: [{ lb_endpoints: [{ endpoint: { address: { envoy_internal_address: { server_listener_name: READS_LISTENER } } } }] }] },
    circuit_breakers: { thresholds: [{ max_connections: 8192, max_pending_requests: 1024, max_requests: 8192 }] },
    transport_socket: {
      name: 'envoy.transport_sockets.internal_upstream',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
        transport_socket: { name: 'envoy.transport_sockets.raw_buffer', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' } },
      },
    },
  };
}

export function readsListener(methods: readonly EdgeMethod[], filters: readonly object[], internal_addresses: object): object {
  return {
    name: READS_LISTENER,
    internal_listener: {},
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: READS_LISTENER,
              codec_type: 'HTTP1',
              server_name: 'chunyun',
              // The address that the outer listener found stands there, and behind it one that the cache makes up.
              xff_num_trusted_hops: 1,
              skip_xff_append: true,
              internal_address_config: internal_addresses,
              generate_request_id: false,
              local_reply_config: localReplies(),
              route_config: {
                name: READS_LISTENER,
                virtual_hosts: [{ name: READS_LISTENER, domains: ['*'], routes: publicReads(methods).map((method) => ({ ...methodRoute(method, {}), route: { ...methodRoute(method, {}).route, rate_limits: READ_LIMITS } })) }],
              },
              http_filters: filters,
            },
          },
        ],
      },
    ],
  };
}

export function publicReads(methods: readonly EdgeMethod[]): EdgeMethod[] {
  return methods.filter((method) => method.cacheable && method.public);
}
