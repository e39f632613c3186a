import { readFileSync } from 'node:fs';
import type { EdgeMethod } from './contracts.ts';
import { cache } from './reads.ts';
import { OVERLOADED_KEY } from '#kit/rpc/status.ts';
import { securityHeaders } from './headers.ts';
import { connectReplies, replyMessages } from './replies.ts';
import { ADMISSION_FILTER, RESERVED_HEADERS, RESERVED_PREFIXES, SUBMIT_PATH } from './routes.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http';

/** Largest request body the edge takes, in bytes; services take no more either. */
const MAX_BODY_BYTES = 262_144;

/** Shed cheaply, before anything else looks at a request: tokens per process, refilled each second. */
const LOCAL_LIMIT_PER_S = '${LOCAL_LIMIT_PER_S}';

/** The filters of a public listener, in the order a request meets them. `more_headers` go into every answer. */
export function httpFilters(methods: EdgeMethod[], more_headers: Record<string, string> = {}): object[] {
  return [
    headers(more_headers),
    healthCheck(),
    localLimit(),
    { name: 'envoy.filters.http.cors', typed_config: { '@type': `${TYPE}.cors.v3.Cors` } },
    compressor('gzip', GZIP),
    compressor('brotli', BROTLI),
    answers(),
    fileServer(),
    cache(),
    connectBridge(),
    { name: 'envoy.filters.http.grpc_web', typed_config: { '@type': `${TYPE}.grpc_web.v3.GrpcWeb` } },
    // After the bridges, which must have seen a request to answer it in its own protocol.
    { name: 'envoy.filters.http.buffer', typed_config: { '@type': `${TYPE}.buffer.v3.Buffer`, max_request_bytes: MAX_BODY_BYTES } },
    privateTrailers(),
    transcoder(methods),
    admission(),
    jwt(),
    readLimit(),
    rateLimit({ name: 'envoy.filters.http.ratelimit.writes', stage: 1, timeout: '1s', failure_mode_deny: true }),
    router(),
  ];
}

/** Of who says only where TLS is, and whether we are well. */
export function redirectFilters(): object[] {
  return [headers({}), healthCheck(), localLimit(), router()];
}

/** Behind the cache: what a read meets that was not kept. It has no body and no token. */
export function readsFilters(): object[] {
  const { enable_x_ratelimit_headers: _, ...limit } = readLimit().typed_config;
  return [oneAddress(), connectBridge(), privateTrailers(), { name: 'envoy.filters.http.ratelimit', typed_config: limit }, router()];
}

function connectBridge(): object {
  return { name: 'envoy.filters.http.connect_grpc_bridge', typed_config: { '@type': `${TYPE}.connect_grpc_bridge.v3.FilterConfig` } };
}

function router(): object {
  return { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.router.v3.Router`, suppress_envoy_headers: true } };
}

function healthCheck(): object {
  return {
    name: 'envoy.filters.http.health_check',
    typed_config: {
      '@type': `${TYPE}.health_check.v3.HealthCheck`,
      pass_through_mode: false,
      headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
    },
  };
}

/** Who asks, as found by the number of proxies before us that are ours; what a client says of itself goes no further. */
const ONE_ADDRESS = { append: { header: { key: 'x-forwarded-for', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } };

function oneAddress(): object {
  return {
    name: 'envoy.filters.http.header_mutation.address',
    typed_config: { '@type': `${TYPE}.header_mutation.v3.HeaderMutation`, mutations: { request_mutations: [ONE_ADDRESS] } },
  };
}

/** Drops what only we may say, and answers with the security headers whoever answers: service, file or the edge itself. */
function headers(more_headers: Record<string, string>): object {
  return {
    name: 'envoy.filters.http.header_mutation',
    typed_config: {
      '@type': `${TYPE}.header_mutation.v3.HeaderMutation`,
      mutations: {
        request_mutations: [
          ONE_ADDRESS,
          ...RESERVED_HEADERS.map((name) => ({ remove: name })),
          ...RESERVED_PREFIXES.map((prefix) => ({ remove_on_match: { key_matcher: { prefix } } })),
        ],
        response_mutations: [
          ...Object.entries({ ...securityHeaders(), ...more_headers }).map(([key, value]) => ({ append: { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } })),
          // Nobody between us and a person keeps an answer that does not say that it may be kept.
          { append: { header: { key: 'cache-control', value: 'no-store' }, append_action: 'ADD_IF_ABSENT' } },
          { remove: 'x-envoy-upstream-healthchecked-cluster' },
          // The cache asks with a router of its own, which says it.
          { remove: 'x-envoy-upstream-service-time' },
          { remove: OVERLOADED_KEY },
        ],
      },
    },
  };
}

function localLimit(): object {
  return {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: {
      '@type': `${TYPE}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: 'edge_local',
      token_bucket: { max_tokens: LOCAL_LIMIT_PER_S, tokens_per_fill: LOCAL_LIMIT_PER_S, fill_interval: '1s' },
      filter_enabled: { default_value: { numerator: 100, denominator: 'HUNDRED' }, runtime_key: 'edge.local_limit.enabled' },
      filter_enforced: { default_value: { numerator: 100, denominator: 'HUNDRED' }, runtime_key: 'edge.local_limit.enforced' },
      rate_limited_as_resource_exhausted: true,
    },
  };
}

/**
 * What a client reads of an error, by its protocol (answers.lua). The requirements name HTTP 409 and 423, which no gRPC
 * code maps to: a service names the status it means beside its gRPC status, and only JSON answers take it.
 */
function answers(): object {
  const source = readFileSync(new URL('./answers.lua', import.meta.url), 'utf8');
  return {
    name: 'envoy.filters.http.lua',
    typed_config: { '@type': `${TYPE}.lua.v3.Lua`, default_source_code: { inline_string: `local REPLIES = ${luaTable(connectReplies())}\nlocal MESSAGES = ${luaTable(replyMessages())}\n${source}` } },
  };
}

function luaTable(entries: Record<string, string>): string {
  return `{\n${Object.entries(entries).map(([name, text]) => `  ${name} = [==[${text}]==],\n`).join('')}}`;
}

/**
 * Refuses what order could not answer in time, in front of everything that costs; behind the bridges, so that everybody reads
 * it in their own protocol. Only the routes that submissions come by switch it on.
 */
function admission(): object {
  const source = readFileSync(new URL('./admission.lua', import.meta.url), 'utf8');
  return {
    name: ADMISSION_FILTER,
    disabled: true,
    typed_config: { '@type': `${TYPE}.lua.v3.Lua`, default_source_code: { inline_string: `local SUBMIT = "${SUBMIT_PATH}"\n${source}` } },
  };
}

/** In trailers, which the bridges would turn into a body that answers.lua does not look into. */
function privateTrailers(): object {
  return {
    name: 'envoy.filters.http.header_mutation.trailers',
    typed_config: {
      '@type': `${TYPE}.header_mutation.v3.HeaderMutation`,
      mutations: { response_trailers_mutations: [{ remove: 'x-http-status' }, { remove: OVERLOADED_KEY }] },
    },
  };
}

/** Text only: protobuf gains little and costs the edge more than all else it does. */
function compressor(name: string, library: object): object {
  return {
    name: `envoy.filters.http.compressor.${name}`,
    typed_config: {
      '@type': `${TYPE}.compressor.v3.Compressor`,
      response_direction_config: {
        common_config: { min_content_length: 1024, content_type: ['text/html', 'text/css', 'text/javascript', 'application/json', 'image/svg+xml'] },
      },
      choose_first: name === 'brotli',
      compressor_library: { name, typed_config: library },
    },
  };
}

const BROTLI = { '@type': 'type.googleapis.com/envoy.extensions.compression.brotli.compressor.v3.Brotli', quality: 5 };
const GZIP = { '@type': 'type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip', compression_level: 'COMPRESSION_LEVEL_5' };

function fileServer(): object {
  return {
    name: 'envoy.filters.http.file_server',
    typed_config: {
      '@type': `${TYPE}.file_server.v3.FileServerConfig`,
      manager_config: { id: 'web', thread_pool: { thread_count: 1 } },
      path_mappings: [{ request_path_prefix: '/assets/', file_path_prefix: '${WEB_DIST}/assets/' }],
      content_types: {
        js: 'text/javascript; charset=utf-8',
        css: 'text/css; charset=utf-8',
        svg: 'image/svg+xml',
        json: 'application/json',
        woff2: 'font/woff2',
        png: 'image/png',
      },
      default_content_type: 'application/octet-stream',
    },
  };
}

function transcoder(methods: EdgeMethod[]): object {
  const services = [...new Set(methods.filter((method) => method.has_json).map((method) => method.service))].toSorted();
  return {
    name: 'envoy.filters.http.grpc_json_transcoder',
    typed_config: {
      '@type': `${TYPE}.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
      proto_descriptor: '${DESCRIPTORS}',
      services,
      print_options: { add_whitespace: false, always_print_primitive_fields: true, preserve_proto_field_names: true },
      convert_grpc_status: true,
      request_validation_options: { reject_unknown_method: false, reject_unknown_query_parameters: true },
      max_request_body_size: MAX_BODY_BYTES,
      max_response_body_size: 4_194_304,
    },
  };
}

/** A token may be missing (public methods) but never wrong. Each service checks it again and says which method needs it. */
function jwt(): object {
  return {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': `${TYPE}.jwt_authn.v3.JwtAuthentication`,
      providers: {
        identity: {
          issuer: '${JWT_ISSUER}',
          audiences: ['${JWT_AUDIENCE}'],
          require_expiration: true,
          clock_skew_seconds: 5,
          forward: true,
          from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
          remote_jwks: {
            http_uri: { uri: 'http://${IDENTITY_HTTP_HOST}:${IDENTITY_HTTP_PORT}/.well-known/jwks.json', cluster: 'identity_http', timeout: '2s' },
            cache_duration: '300s',
            async_fetch: { fast_listener: true, failed_refetch_duration: '1s' },
          },
          claim_to_headers: [
            { header_name: 'x-account-id', claim_name: 'sub' },
            { header_name: 'x-tenant', claim_name: 'tenant' },
            { header_name: 'x-channel', claim_name: 'channel' },
            { header_name: 'x-city', claim_name: 'city' },
            // What the token is bound to counts, not what the request says.
            { header_name: 'x-device-id', claim_name: 'device_id' },
          ],
          jwt_cache_config: { jwt_cache_size: 10_000 },
        },
      },
      // Any other way to write the header, that a service might still understand, would go around the limit per account.
      rules: [{ match: { prefix: '/rail.', headers: [{ name: 'authorization', present_match: true }] }, requires: { provider_name: 'identity' } }],
    },
  };
}

/** A question is answered without the limiter's word rather than late. */
function readLimit() {
  return rateLimit({ name: 'envoy.filters.http.ratelimit', stage: 0, timeout: '0.25s', failure_mode_deny: false });
}

/** Who would be refused without the limiter's word waits longer for it (`mesh/calls.ts` has the longest wait): a full core is no reason to refuse a payment. */
function rateLimit({ name, stage, timeout, failure_mode_deny }: { name: string; stage: number; timeout: string; failure_mode_deny: boolean }) {
  return {
    name,
    typed_config: {
      '@type': `${TYPE}.ratelimit.v3.RateLimit`,
      domain: 'edge',
      stage,
      timeout,
      failure_mode_deny,
      status_on_error: { code: 'ServiceUnavailable' },
      rate_limited_as_resource_exhausted: true,
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: 'risk', authority: '${RISK_HOST}' }, timeout }, transport_api_version: 'V3' },
    },
  };
}
