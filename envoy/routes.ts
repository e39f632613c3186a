import type { EdgeMethod } from './contracts.ts';

/** Slack over the method's own deadline, so that the service's typed answer arrives before the edge gives up. */
const ROUTE_SLACK_MS = 500;

/** What a person's browser gets for a page of the application: the shell; its scripts do the rest. */
const SHELL_MAX_BYTES = 65_536;

/** Headers that only the edge may set. What a client sends under these names is dropped before anything reads it. */
export const RESERVED_HEADERS = [
  'x-account-id', 'x-tenant', 'x-channel', 'x-roles', 'x-city', 'x-member-level', 'x-session-id',
  'x-route-key', 'x-caller-bin', 'x-caller-signature-bin', 'x-http-status', 'x-canary',
];

/** Virtual host of the public site: contracts by exact method, callbacks, and the web page for everything else. */
export function publicHost(methods: EdgeMethod[]): object {
  return {
    name: 'public',
    domains: ['*'],
    routes: [
      ...methods.map(methodRoute),
      { name: 'grpc-unknown', match: { prefix: '/rail.' }, direct_response: { status: 404 } },
      { name: 'grpc-reflection', match: { prefix: '/grpc.' }, direct_response: { status: 404 } },
      { name: 'json-unknown', match: { prefix: '/v1/' }, direct_response: { status: 404 } },
      callbackRoute(),
      // Files of the page; the file server answers before the router would.
      { name: 'assets', match: { prefix: '/assets/' }, direct_response: { status: 404 }, typed_per_filter_config: immutable() },
      { name: 'icon', match: { path: '/favicon.svg' }, direct_response: { status: 404 } },
      shellRoute(),
    ],
  };
}

export const MAX_DIRECT_RESPONSE_BYTES = SHELL_MAX_BYTES;

function methodRoute(method: EdgeMethod): object {
  return {
    name: method.path,
    match: { path: method.path },
    route: {
      cluster: method.upstream,
      timeout: method.endless ? '0s' : `${(method.timeout_ms + ROUTE_SLACK_MS) / 1000}s`,
      ...(method.endless ? { idle_timeout: '120s', max_stream_duration: { max_stream_duration: '3600s' } } : {}),
      rate_limits: limits(method),
    },
    typed_per_filter_config: {
      'envoy.filters.http.jwt_authn': {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
        requirement_name: 'token_if_present',
      },
    },
  };
}

/**
 * Requirements: 3 per second, bursts of 10, per account and per device; per address a higher one. Reads pass when the
 * limiter is down (stage 0), writes do not (stage 1): a purchase must not slip past the limits.
 */
function limits(method: EdgeMethod): object[] {
  const stage = method.read ? 0 : 1;
  const skip = { skip_if_absent: true };
  return [
    { stage, actions: [{ request_headers: { header_name: 'x-account-id', descriptor_key: 'account', ...skip } }] },
    { stage, actions: [{ request_headers: { header_name: 'x-device-id', descriptor_key: 'device', ...skip } }] },
    { stage, actions: [{ remote_address: {} }] },
  ];
}

function callbackRoute(): object {
  return {
    name: 'payment-callbacks',
    match: { prefix: '/callbacks/payment/', headers: [{ name: ':method', string_match: { exact: 'POST' } }] },
    route: { cluster: 'payment_http', timeout: '5s' },
  };
}

function shellRoute(): object {
  return {
    name: 'page',
    match: { prefix: '/', headers: [{ name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD' } } }] },
    direct_response: { status: 200, body: { filename: '${WEB_DIST}/index.html' } },
    response_headers_to_add: [
      { header: { key: 'content-type', value: 'text/html; charset=utf-8' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      { header: { key: 'cache-control', value: 'no-cache' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
    ],
  };
}

/** File names under /assets/ carry a hash of their content. */
function immutable(): object {
  const header = { key: 'cache-control', value: 'public, max-age=31536000, immutable' };
  return {
    'envoy.filters.http.header_mutation': {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
      mutations: { response_mutations: [{ append: { header, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } }] },
    },
  };
}
