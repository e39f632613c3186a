import { collectorCluster, grpcCluster, httpCluster } from './clusters.ts';
import { edgeMethods } from './contracts.ts';
import { readsFilters } from './filters.ts';
import { connectionManagers, NOBODY_INTERNAL } from './manager.ts';
import { overloadManager, runtime } from './overload.ts';
import { readsCluster, readsListener } from './reads.ts';
import { CERTIFICATE_NAME } from './render.ts';

/**
 * The whole configuration of the edge, with `${NAME}` where an address, a path or a number of the place it runs in
 * belongs. The same file serves the local stack and the cluster.
 */
export function edgeConfig(): object {
  const methods = edgeMethods();
  const managers = connectionManagers(methods);
  const upstreams = [...new Set([...methods.map((method) => method.upstream), 'risk'])].toSorted();
  return {
    node: { id: 'edge', cluster: 'edge' },
    // Whoever drains the edge gets through also when it is full.
    admin: { address: address('127.0.0.1', '${ADMIN_PORT}'), ignore_global_conn_limit: true },
    bootstrap_extensions: [{ name: 'envoy.bootstrap.internal_listener', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener' } }],
    static_resources: {
      listeners: [
        listener('public', address('${PLAIN_HOST}', '${PLAIN_PORT}'), managers.plain),
        listener('public_tls', address('${LISTEN_HOST}', '${TLS_PORT}'), managers.tls, tls()),
        listener('redirect', address('${LISTEN_HOST}', '${REDIRECT_PORT}'), managers.redirect),
        readsListener(methods, readsFilters(), NOBODY_INTERNAL),
      ],
      clusters: [
        ...upstreams.map(grpcCluster),
        httpCluster('identity_http', 'identity_http'),
        httpCluster('payment_http', 'payment_http'),
        httpCluster('notification_http', 'notification_http'),
        collectorCluster(),
        readsCluster(),
      ],
    },
    overload_manager: overloadManager(),
    layered_runtime: runtime(),
  };
}

function listener(name: string, at: object, manager: object, transport_socket?: object): object {
  return {
    name,
    address: at,
    per_connection_buffer_limit_bytes: 1_048_576,
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
        ...(transport_socket === undefined ? {} : { transport_socket, transport_socket_connect_timeout: '5s' }),
      },
    ],
  };
}

/** Forward secrecy and authenticated encryption only (RFC 9325). Keys of session tickets are this process's own and change by themselves. */
function tls(): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      session_timeout: '3600s',
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', cipher_suites: CIPHERS },
        tls_certificate_sds_secret_configs: [{ name: CERTIFICATE_NAME, sds_config: { path_config_source: { path: '${CERTIFICATE_CONFIG}' }, resource_api_version: 'V3' } }],
      },
    },
  };
}

/** Of TLS 1.2; those of 1.3 are all good. */
const CIPHERS = [
  '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
  '[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];

function address(host: string, port: string): object {
  return { socket_address: { address: host, port_value: port } };
}
