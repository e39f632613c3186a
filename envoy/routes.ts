import type { EdgeMethod } from './contracts.ts';

/** Slack over the method's own deadline, so that the service's typed answer arrives before the edge gives up. */
const ROUTE_SLACK_MS = 500;

/** Largest of the page's own files: the shell that a browser gets for every page of the application, and its icon. */
const SHELL_MAX_BYTES = 65_536;

/** Headers that only the edge may set. What a client sends under these names is dropped before anything reads it. */
export const RESERVED_HEADERS = [
  'x-account-id', 'x-tenant', 'x-channel', 'x-roles', 'x-city', 'x-member-level', 'x-session-id',
  'x-route-key', 'x-caller-bin', 'x-caller-signature-bin', 'x-http-status', 'x-overloaded', 'x-canary',
  // Of other proxies and tracers: nobody here reads them, but a sidecar or a library might. Of traces, W3C's are read.
  'forwarded', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-client-cert', 'x-real-ip', 'x-original-url', 'x-rewrite-url',
  'b3', 'baggage', 'x-client-trace-id', 'x-ot-span-context', 'x-cloud-trace-context',
];

/** By the first letters: what steers timeouts, retries and routes of a proxy, and what the edge tells itself. */
export const RESERVED_PREFIXES = ['x-envoy-', 'x-istio-', 'x-b3-', 'x-edge-'];

/** What order may have too much of, and the filter that refuses it then (admission.lua). */
export const SUBMIT_PATH = '/rail.order.v1.OrderService/SubmitOrder';
export const ADMISSION_FILTER = 'envoy.filters.http.lua.admission';
const WITH_ADMISSION = { typed_per_filter_config: { [ADMISSION_FILTER]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', config: {} } } };

/** Virtual host of the public site: contracts by exact method, callbacks, and the web page for everything else. `first` come first. */
export function publicHost(methods: EdgeMethod[], first: readonly object[] = []): object {
  return {
    name: 'public',
    domains: ['*'],
    routes: [
      otherForm(),
      ...first,
      ...methods.map((method) => methodRoute(method, POST)),
      ...methods.filter((method) => method.cacheable).map((method) => methodRoute(method, CONNECT_GET)),
      { name: 'grpc-unknown', match: { prefix: '/rail.' }, direct_response: { status: 404 } },
      { name: 'grpc-reflection', match: { prefix: '/grpc.' }, direct_response: { status: 404 } },
      // What comes as JSON has this route until the transcoder has read it.
      { name: 'json-unknown', match: { prefix: '/v1/' }, direct_response: { status: 404 }, ...WITH_ADMISSION },
      ...CALLBACKS.map(callbackRoute),
      // Files of the page; the file server answers before the router would.
      { name: 'assets', match: { prefix: '/assets/' }, direct_response: { status: 404 } },
      fileRoute('icon', { path: '/favicon.svg' }, 'favicon.svg', 'image/svg+xml'),
      fileRoute('page', { prefix: '/' }, 'index.html', 'text/html; charset=utf-8'),
    ],
  };
}

/** Where the page is public, the port without TLS only says where the one with it is. */
export function redirectHost(): object {
  return { name: 'redirect', domains: ['*'], routes: [{ name: 'to-tls', match: { prefix: '/' }, redirect: { https_redirect: true, response_code: 'PERMANENT_REDIRECT' } }] };
}

export const MAX_DIRECT_RESPONSE_BYTES = SHELL_MAX_BYTES;

/** gRPC, gRPC-Web, Connect; and JSON, which the transcoder has made to gRPC by the time it is routed. */
const POST = { headers: [{ name: ':method', string_match: { exact: 'POST' } }] };

/** A URL can be opened by a link on any page and be asked again by any cache: only methods without side effects go by it. */
export const CONNECT_GET = { headers: [{ name: ':method', string_match: { exact: 'GET' } }], query_parameters: [{ name: 'connect', string_match: { exact: 'v1' } }] };

/** Codecs that no service reads, Connect's JSON among them, are refused in words of ours. */
function otherForm(): object {
  const content_type = { name: 'content-type', string_match: { safe_regex: { regex: 'application/(grpc|proto|connect\\+proto).*' } }, invert_match: true, treat_missing_header_as_empty: true };
  return { name: 'other-form', match: { prefix: '/rail.', headers: [...POST.headers, content_type] }, direct_response: { status: 415 } };
}

/** Reads pass when the limiter is down, writes do not: a purchase must not slip past the limits. */
export const READ_LIMITS = limits(0);
const WRITE_LIMITS = limits(1);

/**
 * A proxy between the edge and a service, as in a mesh, finds the service by the host that is asked for. What a client calls us
 * is nobody's business behind the edge.
 */
const TO_ITS_HOST = { auto_host_rewrite: true };

export function methodRoute(method: EdgeMethod, how: object) {
  return {
    name: method.path,
    match: { path: method.path, ...how },
    route: {
      cluster: method.upstream,
      ...TO_ITS_HOST,
      timeout: method.endless ? '0s' : `${(method.timeout_ms + ROUTE_SLACK_MS) / 1000}s`,
      // Where nothing changes nothing is said; a peer that is gone is found by the connection's own pings.
      ...(method.endless ? { idle_timeout: '0s', max_stream_duration: { max_stream_duration: '3600s' } } : {}),
      rate_limits: method.read ? READ_LIMITS : WRITE_LIMITS,
    },
    ...(method.path === SUBMIT_PATH ? WITH_ADMISSION : {}),
  };
}

/** Requirements: 3 per second, bursts of 10, per account and per device; per address a higher one (risk knows the numbers). */
function limits(stage: number): object[] {
  const skip = { skip_if_absent: true };
  return [
    { stage, actions: [{ request_headers: { header_name: 'x-account-id', descriptor_key: 'account', ...skip } }] },
    { stage, actions: [{ request_headers: { header_name: 'x-device-id', descriptor_key: 'device', ...skip } }] },
    { stage, actions: [{ remote_address: {} }] },
  ];
}

/** Where outside systems call back, and who takes it. They prove themselves by their signature, which the service checks. */
export const CALLBACKS = [
  { name: 'payment-callbacks', prefix: '/callbacks/payment/', cluster: 'payment_http' },
  { name: 'messaging-receipts', prefix: '/callbacks/messaging/', cluster: 'notification_http' },
];

function callbackRoute({ name, prefix, cluster }: (typeof CALLBACKS)[number]): object {
  return { name, match: { prefix, ...POST }, route: { cluster, ...TO_ITS_HOST, timeout: '5s' } };
}

/** A small file whose name never changes: looked at anew each time. */
function fileRoute(name: string, match: object, file: string, content_type: string): object {
  const header = (key: string, value: string): object => ({ header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' });
  return {
    name,
    match: { ...match, headers: [{ name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD' } } }] },
    direct_response: { status: 200, body: { filename: `\${WEB_DIST}/${file}` } },
    response_headers_to_add: [header('content-type', content_type), header('cache-control', 'no-cache')],
  };
}
