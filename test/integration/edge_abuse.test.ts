/** What the edge does with broken, huge, slow and hostile requests; and what every answer carries, the page's files too. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import test from 'ava';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { seededRandom } from '../../timetable/generate/random.ts';
import { edgeMethods } from '../../envoy/contracts.ts';
import { securityHeaders } from '../../envoy/headers.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { frame, h2, speak } from '../support/edge_raw.ts';
import { startTestStack, type TestStack } from '../support/edge_stack.ts';
import { eventually } from '../support/processes.ts';
import { ofStatusJson, waysInto, type Way } from '../support/edge_ways.ts';

let stack: TestStack;
let edge: Edge;
let ways: Way[];
let folder: string;
/** Accepts connections and never answers. */
let silent: { port: number; stop(): void };

/** HealthCheckResponse, in its frame. */
const SERVING = '00000000020801';

const SCRIPT = `console.log(${JSON.stringify('春运'.repeat(2000))});\n`;

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chunyun-page-'));
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  const web_dist = join(folder, 'dist');
  mkdirSync(join(web_dist, 'assets'), { recursive: true });
  writeFileSync(join(web_dist, 'index.html'), '<!doctype html><title>春运</title>\n');
  writeFileSync(join(web_dist, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>\n');
  writeFileSync(join(web_dist, '.built-from'), 'secret');
  for (const [name, text] of [['app-1a2b3c.js', SCRIPT], ['app-1a2b3c.css', 'body{}'], ['font-1a.woff2', 'woff'], ['map-1.svg', '<svg/>'], ['data-1.json', '{}'], ['thing-1.xyz', 'x']] as const) writeFileSync(join(web_dist, 'assets', name), text);
  stack = await startTestStack({ sale_days: 1 });
  await stack.liftLimits();
  silent = await startSilent();
  edge = await startEdge({ env: stack.env, web_dist, instead: { TICKETING_PORT: silent.port, NOTIFICATION_PORT: 9 } });
  ways = waysInto(edge);
});

test.after.always(async () => {
  for (const { close } of ways ?? []) close?.();
  await edge?.stop();
  await stack?.stop();
  silent?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test('what the edge answers by itself in Connect has the length that it says', async (t) => {
  const authorization = `Bearer ${await stack.token()}`;
  for (const [path, code] of [['rail.ticketing.v1.TicketingService/ListTickets', 'deadline_exceeded'], ['rail.notification.v1.NotificationService/ListMessages', 'unavailable'], ['rail.order.v1.OrderService/GetOrder', 'unauthenticated']] as const) {
    const known = code === 'unauthenticated' ? '' : `authorization: ${authorization}\r\n`;
    const { answer } = await speak(edge.url, `POST /${path} HTTP/1.1\r\nhost: x\r\n${known}connect-protocol-version: 1\r\ncontent-type: application/proto\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    t.is(Number(length), Buffer.byteLength(body), `${path}: ${answer}`);
    t.is((JSON.parse(body) as { code: string }).code, code);
  }
  t.notRegex(readFileSync(edge.log_path, 'utf8'), /script log/);
});

test('what is too large is refused before anybody reads it', async (t) => {
  for (const { name, unary } of ways.filter((way) => way.name !== 'Connect GET')) {
    const outcome = await unary(IdentityService.method.logIn, { loginName: 'x'.repeat(300_000), password: 'x' });
    const refusal = 'refusal' in outcome ? outcome.refusal : undefined;
    t.deepEqual([refusal?.code, refusal?.reason], ['INVALID_ARGUMENT', 'MESSAGE_TOO_LARGE'], name);
    if (refusal?.http_status !== undefined) t.is(refusal.http_status, 413);
  }
  for (const headers of [{ 'x-big': 'a'.repeat(40_000) }, Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-h${index}`, '1'])), { cookie: 'a=b; '.repeat(10_000) }]) {
    const answer = await fetch(`${edge.url}/v1/account`, { headers });
    t.is(answer.status, 431);
    t.is(ofStatusJson((await answer.json()) as JsonObject).reason, 'MESSAGE_TOO_LARGE');
    checkSecurity(t, '431', answer.headers);
  }
  const long_path = await fetch(`${edge.url}/v1/stations:suggest?text=${'x'.repeat(40_000)}`);
  t.is(long_path.status, 431);
});

test('what cannot be read is the asker\'s fault, and told as such', async (t) => {
  const path = '/rail.query.v1.QueryService/SearchTrains';
  const junk = Buffer.from('ffffffffffff0102', 'hex');
  const connect = await fetch(`${edge.url}${path}`, { method: 'POST', body: junk, headers: { 'content-type': 'application/proto', 'connect-protocol-version': '1' } });
  t.is(connect.status, 400);
  t.is(((await connect.json()) as { code: string }).code, 'invalid_argument');
  const grpc = await h2(edge.url, { ':path': path, 'content-type': 'application/grpc', te: 'trailers' }, frame(junk));
  t.is(grpc.headers['grpc-status'], '3');
  for (const body of ['{', '{"login_name":5}', '{"nothing":1}', '[]', '"x"', '', '\u0000', '{"login_name":"\\ud800"}', `${'['.repeat(5000)}`]) {
    const answer = await fetch(`${edge.url}/v1/accounts:login`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    t.true([400, 401].includes(answer.status), `${body.slice(0, 30)}: ${answer.status}`);
    if (answer.status === 400) t.is(ofStatusJson((await answer.json()) as JsonObject).reason, 'FIELD_INVALID', body.slice(0, 30));
  }
  const json_over_connect = await fetch(`${edge.url}${path}`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'connect-protocol-version': '1' } });
  t.is(json_over_connect.status, 415);
  t.is(((await json_over_connect.json()) as { code: string }).code, 'unimplemented');
});

test('random bytes break nothing', async (t) => {
  const random = seededRandom(20_270_206);
  const paths = edgeMethods().filter((method) => !method.endless).map((method) => method.path);
  const bytes = (): Buffer<ArrayBuffer> => Buffer.from(Array.from({ length: Math.floor(random.next() * 200) }, () => Math.floor(random.next() * 256)));
  const authorization = `Bearer ${await stack.token()}`;
  const forms: (() => [Record<string, string>, Uint8Array<ArrayBuffer>])[] = [
    () => [{ 'content-type': 'application/grpc', te: 'trailers' }, frame(bytes())],
    () => [{ 'content-type': 'application/grpc', te: 'trailers' }, bytes()],
    () => [{ 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': 'gzip' }, frame(bytes(), 1)],
    () => [{ 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': 'gzip' }, frame(gzipSync(bytes()), 1)],
    () => [{ 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': 'soon' }, frame(bytes())],
    () => [{ 'content-type': 'application/grpc-web+proto' }, frame(bytes())],
    () => [{ 'content-type': 'application/grpc-web-text' }, Buffer.from(bytes().toString('base64'))],
    () => [{ 'content-type': 'application/proto', 'connect-protocol-version': '1' }, bytes()],
    () => [{ 'content-type': 'application/proto', 'connect-protocol-version': '1', 'content-encoding': 'gzip' }, bytes()],
    () => [{ 'content-type': 'application/connect+proto', 'connect-protocol-version': '1' }, frame(bytes(), 3)],
  ];
  const faults: string[] = [];
  for (let round = 0; round < 450; round++) {
    const path = paths[round % paths.length]!;
    const [headers, body] = forms[round % forms.length]!();
    const answer = await h2(stack.page, { ':path': path, ...headers, ...(round % 2 === 0 ? { authorization } : {}) }, body).catch(() => undefined);
    const status = answer?.headers['grpc-status'] ?? answer?.trailers['grpc-status'];
    const message = String(answer?.headers['grpc-message']);
    // INTERNAL is what we say of our own mistakes, and gRPC of garbage under its own headers.
    const own_words = headers['grpc-timeout'] !== undefined || headers['grpc-encoding'] !== undefined || headers['content-encoding'] !== undefined;
    if (answer !== undefined && (answer.status === 500 || status === '13' || status === '2') && !own_words) faults.push(`${path} ${JSON.stringify(headers)} ${Buffer.from(body).toString('hex')}: ${answer.status} ${String(status)} ${message}`);
  }
  for (const path of ['/v1/accounts:login', '/v1/orders:submit', '/v1/passengers', '/v1/seats:lock']) {
    for (let round = 0; round < 40; round++) {
      const answer = await fetch(`${stack.page}${path}`, { method: 'POST', body: bytes(), headers: { authorization } });
      if (answer.status >= 500) faults.push(`${path}: ${answer.status} ${await answer.text()}`);
    }
  }
  t.deepEqual(faults.slice(0, 5), []);
  for (const kept of stack.kept) t.is(kept.restarts(), 0, kept.name);
  for (const name of ['QUERY', 'ORDER', 'INVENTORY', 'PAYMENT', 'IDENTITY', 'RISK', 'NOTIFICATION']) {
    // Query serves once it knows what remains.
    await eventually(async () => {
      const health = await h2(`http://${stack.env[`${name}_ADDRESS`]}`, { ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' }, frame(new Uint8Array()));
      return health.body.toString('hex') === SERVING;
    });
  }
});

test('a small message that unpacks to a huge one is refused', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 << 20));
  t.true(bomb.length < 262_144);
  const grpc = await h2(edge.url, { ':path': '/rail.query.v1.QueryService/SearchTrains', 'content-type': 'application/grpc', te: 'trailers', 'grpc-encoding': 'gzip' }, frame(bomb, 1));
  t.is(grpc.headers['grpc-status'] ?? grpc.trailers['grpc-status'], '8');
});

test('who speaks too slowly is cut off', async (t) => {
  const [headers, body] = await Promise.all([
    speak(edge.url, 'GET /v1/account HTTP/1.1\r\nhost: x\r\nx-slow: '),
    speak(edge.url, 'POST /v1/accounts:login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{'),
  ]);
  for (const { answer } of [headers, body]) {
    t.regex(answer, /^HTTP\/1.1 408 /);
    t.regex(answer, /"reason":"DEADLINE"/);
  }
});

test('a service that does not answer is late, one that is not there is unavailable, and both are told in time', async (t) => {
  const authorization = `Bearer ${await stack.token()}`;
  const late = await fetch(`${edge.url}/v1/orders/1/tickets`, { headers: { authorization } });
  const json = ofStatusJson((await late.json()) as JsonObject);
  t.deepEqual([late.status, json.code, json.reason], [504, 'DEADLINE_EXCEEDED', 'DEADLINE']);
  const gone = await fetch(`${edge.url}/v1/messages`, { headers: { authorization } });
  const unavailable = ofStatusJson((await gone.json()) as JsonObject);
  t.deepEqual([gone.status, unavailable.code, unavailable.reason, unavailable.retry_after_ms], [503, 'UNAVAILABLE', 'DEPENDENCY_UNAVAILABLE', 1000]);
  t.is(gone.headers.get('retry-after'), '1');
});

test('every kind of answer carries the security headers, and none of ours that are private', async (t) => {
  const connect = { 'content-type': 'application/proto', 'connect-protocol-version': '1' };
  const asked: [string, string, RequestInit?][] = [
    ['page', '/'], ['page of the application', '/orders/1'], ['icon', '/favicon.svg'], ['asset', '/assets/app-1a2b3c.js'], ['missing asset', '/assets/none.js'], ['health', '/healthz'],
    ['JSON', '/v1/stations:suggest?text=bj'], ['refusal of a service', '/v1/account'], ['refusal of the edge', '/v1/account', { headers: { authorization: 'Bearer x' } }],
    ['unknown path', '/v1/nothing'], ['wrong method', '/', { method: 'DELETE' }], ['bad path', '/a%2Fb'], ['preflight', '/v1/account', { method: 'OPTIONS' }],
    ['Connect', '/rail.query.v1.QueryService/SuggestStations', { method: 'POST', headers: connect }],
    ['Connect refusal', '/rail.identity.v1.IdentityService/GetAccount', { method: 'POST', headers: connect }],
    ['gRPC-Web', '/rail.query.v1.QueryService/SuggestStations', { method: 'POST', headers: { 'content-type': 'application/grpc-web+proto' }, body: new Uint8Array(frame(new Uint8Array())) }],
    ['callback', '/callbacks/payment/v1/alipay', { method: 'POST', body: '{}' }],
  ];
  for (const [name, path, init] of asked) {
    const { headers } = await fetch(`${edge.url}${path}`, init);
    checkSecurity(t, name, headers);
    t.is(headers.get('server'), 'chunyun', name);
    if (name !== 'bad path') t.truthy(headers.get('x-request-id'), name);
    t.deepEqual([...headers.keys()].filter((key) => /^x-(envoy-(upstream|attempt|decorator)|edge-|http-status)|^x-powered/.test(key)), [], name);
  }
  const grpc = await h2(edge.url, { ':path': '/rail.query.v1.QueryService/SuggestStations', 'content-type': 'application/grpc', te: 'trailers' }, frame(new Uint8Array()));
  checkSecurity(t, 'gRPC', new Headers(Object.entries(grpc.headers).filter(([name]) => !name.startsWith(':')) as [string, string][]));
});

test('pages of others may ask nothing', async (t) => {
  const origin = 'https://evil.example';
  for (const path of ['/v1/accounts:login', '/rail.identity.v1.IdentityService/LogIn', '/']) {
    const preflight = await fetch(`${edge.url}${path}`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
    t.false(preflight.ok, path);
    const asked = await fetch(`${edge.url}${path}`, { headers: { origin } });
    for (const answer of [preflight, asked]) t.deepEqual([...answer.headers.keys()].filter((name) => name.startsWith('access-control-')), [], path);
  }
});

test('the page: fresh itself, its files for ever, and nothing else of the machine', async (t) => {
  for (const path of ['/', '/orders/12', '/search?from=北京', '/index.html', '/.built-from', '/secret.txt']) {
    const answer = await fetch(`${edge.url}${path}`);
    t.deepEqual([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), (await answer.text()).includes('<title>春运')], [200, 'text/html; charset=utf-8', 'no-cache', true], path);
  }
  const icon = await fetch(`${edge.url}/favicon.svg`);
  t.deepEqual([icon.status, icon.headers.get('content-type'), icon.headers.get('cache-control')], [200, 'image/svg+xml', 'no-cache']);
  const types = { 'app-1a2b3c.js': 'text/javascript; charset=utf-8', 'app-1a2b3c.css': 'text/css; charset=utf-8', 'font-1a.woff2': 'font/woff2', 'map-1.svg': 'image/svg+xml', 'data-1.json': 'application/json', 'thing-1.xyz': 'application/octet-stream' };
  for (const [file, type] of Object.entries(types)) {
    const answer = await fetch(`${edge.url}/assets/${file}`);
    t.deepEqual([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')], [200, type, 'public, max-age=31536000, immutable'], file);
  }
  const missing = await fetch(`${edge.url}/assets/app-9z9z9z.js`);
  t.deepEqual([missing.status, missing.headers.get('cache-control')], [404, 'no-store']);
  for (const path of ['/assets/../../secret.txt', '/assets/..%2f..%2fsecret.txt', '/assets/%2e%2e/%2e%2e/secret.txt', '/assets/..\\..\\secret.txt', '/assets/....//....//secret.txt', '/assets//../../secret.txt', '/assets/%252e%252e/secret.txt', '/assets/../.built-from', '/assets/./../.built-from', '/assets/\u0000', '/assets/', '/assets/.']) {
    const answer = await h2(edge.url, { ':method': 'GET', ':path': path }).catch(() => undefined);
    t.false(answer?.body.includes('secret') ?? false, path);
    t.true(answer === undefined || [200, 400, 403, 404].includes(answer.status), `${path}: ${answer?.status}`);
  }
  for (const [path, length] of [['/', 0], ['/assets/app-1a2b3c.js', Buffer.byteLength(SCRIPT)]] as const) {
    const head = await fetch(`${edge.url}${path}`, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
    t.is(head.status, 200);
    t.true(Number(head.headers.get('content-length')) > length - 1);
    t.is(await head.text(), '');
  }
});

test('text is sent compressed to those who can read that', async (t) => {
  const long = '/v1/stations?page_size=100';
  for (const path of ['/assets/app-1a2b3c.js', long]) {
    for (const [accepted, given] of [['br', 'br'], ['gzip', 'gzip'], ['gzip, br', 'br'], ['identity', undefined]] as const) {
      const { headers, body } = await plainGet(path, { 'accept-encoding': accepted });
      t.is(headers['content-encoding'], given, `${path} ${accepted}`);
      if (given !== undefined) {
        t.regex(String(headers.vary), /accept-encoding/i);
        t.true(body.length < 10_000, `${body.length}`);
      }
    }
  }
  // And fetch reads it back.
  const read = await fetch(`${edge.url}/assets/app-1a2b3c.js`);
  t.is(await read.text(), SCRIPT);
  const stations = await ways.at(-1)!.unary(QueryService.method.listStations, { pageSize: 100 });
  t.true('answer' in stations && stations.answer.stations.length === 100);
});

type Test = { is<T>(value: T, expected: T, message?: string): void };

function checkSecurity(t: Test, name: string, headers: Headers): void {
  for (const [key, value] of Object.entries(securityHeaders())) t.is(headers.get(key), value, `${key} of ${name}`);
}

/** Without the decoding that fetch does by itself. */
function plainGet(path: string, headers: Record<string, string>): Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(`${edge.url}${path}`, { headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject).end();
  });
}

async function startSilent(): Promise<typeof silent> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

