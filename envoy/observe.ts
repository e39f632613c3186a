/** One line a request. Paths go in without their query, nobody's address at all; nothing personal is in a header that is named here. */
export function accessLog(): object {
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
          tls: '%DOWNSTREAM_TLS_VERSION%',
          status: '%RESPONSE_CODE%',
          grpc_status: '%GRPC_STATUS%',
          flags: '%RESPONSE_FLAGS%',
          why: '%RESPONSE_CODE_DETAILS%',
          duration_ms: '%DURATION%',
          upstream_ms: '%RESPONSE_DURATION%',
          route: '%ROUTE_NAME%',
          upstream: '%UPSTREAM_CLUSTER%',
          upstream_host: '%UPSTREAM_HOST%',
          bytes_in: '%BYTES_RECEIVED%',
          bytes_out: '%BYTES_SENT%',
          request_id: '%REQ(X-REQUEST-ID)%',
          trace_id: '%TRACE_ID%',
          traceparent: '%REQ(TRACEPARENT)%',
          account_id: '%REQ(X-ACCOUNT-ID)%',
        },
      },
    },
  };
}

/**
 * A trace goes on from who asked, or begins here; it is passed on and logged whether or not spans go to a collector, so that
 * the edge's log and those of the services agree. `TRACES_PERCENT` of those that begin here are recorded, none where it is 0.
 */
export function tracing(): object {
  return {
    // Nobody outside orders a recording by a header of Envoy's.
    client_sampling: { value: 0 },
    random_sampling: { value: '${TRACES_PERCENT}' },
    spawn_upstream_span: true,
    max_path_tag_length: 128,
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
        service_name: 'edge',
        grpc_service: { envoy_grpc: { cluster_name: TRACES_CLUSTER, authority: '${TRACES_HOST}' }, timeout: '1s' },
      },
    },
  };
}

/** The collector, which speaks OTLP over gRPC. */
export const TRACES_CLUSTER = 'traces';
