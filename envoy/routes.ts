import type { EdgeMethod } from './contracts.ts';

/** Slack over the method's own deadline, so that the service's typed answer arrives before the edge gives up. */
const ROUTE_SLACK_MS = 500;

/** Largest of the page's own files: the shell that a browser gets for every page of the application, and its icon. */
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
      otherForm(),
      ...methods.map((method) => methodRoute(method, POST)),
      ...methods.filter((method) => method.cacheable).map((method) => methodRoute(method, CONNECT_GET)),
      { name: 'grpc-unknown', match: { prefix: '/rail.' }, direct_response: { status: 404 } },
      { name: 'grpc-reflection', match: { prefix: '/grpc.' }, direct_response: { status: 404 } },
      { name: 'json-unknown', match: { prefix: '/v1/' }, direct_response: { status: 404 } },
      ...CALLBACKS.map(callbackRoute),
      // Files of the page; the file server answers before the router would.
      { name: 'assets', match: { prefix: '/assets/' }, direct_response: { status: 404 } },
      fileRoute('icon', { path: '/favicon.svg' }, 'favicon.svg', 'image/svg+xml'),
      fileRoute('page', { prefix: '/' }, 'index.html', 'text/html; charset=utf-8'),
    ],
  };
}

export const MAX_DIRECT_RESPONSE_BYTES = SHELL_MAX_BYTES;

/** gRPC, gRPC-Web, Connect; and JSON, which the transcoder has made to gRPC by the time it is routed. */
const POST = { headers: [{ name: ':method', string_match: { exact: 'POST' } }] };

/** A URL can be opened by a link on any page and be asked again by any cache: only methods without side effects go by it. */
const CONNECT_GET = { headers: [{ name: ':method', string_match: { exact: 'GET' } }], query_parameters: [{ name: 'connect', string_match: { exact: 'v1' } }] };

/** Codecs that no service reads, Connect's JSON among them, are refused in words of ours. */
function otherForm(): object {
  const content_type = { name: 'content-type', string_match: { safe_regex: { regex: 'application/(grpc|proto|connect\\+proto).*' } }, invert_match: true, treat_missing_header_as_empty: true };
  return { name: 'other-form', match: { prefix: '/rail.', headers: [...POST.headers, content_type] }, direct_response: { status: 415 } };
}

/** Reads pass when the limiter is down, writes do not: a purchase must not slip past the limits. */
const READ_LIMITS = limits(0);
const WRITE_LIMITS = limits(1);

function methodRoute(method: EdgeMethod, how: object): object {
  return {
    name: method.path,
    match: { path: method.path, ...how },
    route: {
      cluster: method.upstream,
      timeout: method.endless ? '0s' : `${(method.timeout_ms + ROUTE_SLACK_MS) / 1000}s`,
      ...(method.endless ? { idle_timeout: '120s', max_stream_duration: { max_stream_duration: '3600s' } } : {}),
      rate_limits: method.read ? READ_LIMITS : WRITE_LIMITS,
    },
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
const CALLBACKS = [
  { name: 'payment-callbacks', prefix: '/callbacks/payment/', cluster: 'payment_http' },
  { name: 'messaging-receipts', prefix: '/callbacks/messaging/', cluster: 'notification_http' },
];

function callbackRoute({ name, prefix, cluster }: (typeof CALLBACKS)[number]): object {
  return { name, match: { prefix, ...POST }, route: { cluster, timeout: '5s' } };
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
