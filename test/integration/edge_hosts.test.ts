/** What goes on from the edge: asked for by its own host, with who asks as the token says it, and nothing that a client made up. */
import test from 'ava';
import { RESERVED_HEADERS } from '../../envoy/routes.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { frame, h2, speak } from '../support/edge_raw.ts';
import { answer, startStub, STUB_HOST, type Stub } from '../support/edge_stub.ts';
import { eventually } from '../support/processes.ts';

const READ = '/rail.query.v1.QueryService/SuggestStations';
const WRITE = '/rail.identity.v1.IdentityService/LogIn';
const LIMITER = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
const HEALTH = '/grpc.health.v1.Health/Check';
const CALLBACK = '/callbacks/payment/v1/alipay';
const KEYS = '/.well-known/jwks.json';

let stub: Stub;
let edge: Edge;

test.before(async () => {
  stub = await startStub();
  edge = await startEdge({ env: stub.env });
});

test.after.always(async () => {
  await edge?.stop();
  await stub?.stop();
});

test.serial('methods, kept reads, the limiter, health and keys are asked for by the host they are at: a mesh finds them by it', async (t) => {
  for (const path of [READ, WRITE]) await call(path, { ':authority': 'tickets.example' });
  await fetch(`${edge.url}${READ}?connect=v1&encoding=proto&message=`, { headers: { host: 'tickets.example' } });
  await fetch(`${edge.url}${CALLBACK}`, { method: 'POST', body: '{}' });
  await eventually(() => stub.seen.has(HEALTH) && stub.seen.has(KEYS));
  const hosts = (path: string): unknown[] => [path, ...new Set(stub.seen.get(path)?.map((headers) => headers[':authority'] ?? headers.host))];
  for (const path of [READ, WRITE, LIMITER, HEALTH, CALLBACK]) t.deepEqual(hosts(path), [path, STUB_HOST]);
  t.deepEqual(hosts(KEYS), [KEYS, `${STUB_HOST}:${stub.http_port}`]);
  t.is(stub.seen.get(READ)?.length, 2, 'one by gRPC and one by way of the cache');
});

test.serial('what is kept is kept once, whatever the edge is called', async (t) => {
  stub.seen.clear();
  stub.answers.set(READ, (stream) => answer(stream, new Uint8Array(), { 'cache-control': 'public, max-age=60' }));
  const { port } = new URL(edge.url);
  for (const host of ['tickets.example', 'elsewhere.example\r\nconnect-protocol-version: 1\r\nx-nothing: x', '127.0.0.1']) {
    const { answer: text } = await speak(edge.url, `GET ${READ}?connect=v1&encoding=proto&message=AB HTTP/1.1\r\nhost: ${host}:${port}\r\nconnection: close\r\n\r\n`);
    t.regex(text, /^HTTP\/1.1 200 /);
  }
  stub.answers.delete(READ);
  t.is(stub.seen.get(READ)?.length, 1);
});

test.serial('what only the edge or the mesh may say does not get through', async (t) => {
  stub.seen.clear();
  const forged = Object.fromEntries([...RESERVED_HEADERS, ...FOREIGN].map((name) => [name, 'Zm9yZ2Vk']));
  await call(READ, forged);
  await fetch(`${edge.url}${CALLBACK}`, { method: 'POST', body: '{}', headers: forged });
  await fetch(`${edge.url}${READ}?connect=v1&encoding=proto&message=AA`, { headers: forged });
  const passed = [READ, CALLBACK].flatMap((path) => stub.seen.get(path)!.flatMap((headers) => Object.entries(headers).filter(([, value]) => String(value).includes('Zm9yZ2Vk'))));
  t.deepEqual(passed, []);
  t.is(stub.seen.get(READ)?.length, 2);
});

test.serial('who asks, by which a canary is chosen, is what the token says', async (t) => {
  stub.seen.clear();
  const account = await stub.tokens.headersFor({ account_id: '4711', channel: 'app', city: '上海', tenant: 'rail', device_id: 'device-of-the-token' });
  await call(READ, { ...account, 'x-city': 'Zm9yZ2Vk', 'x-account-id': '1', 'x-device-id': 'another' });
  const [headers] = stub.seen.get(READ)!;
  t.deepEqual([headers!['x-account-id'], headers!['x-channel'], headers!['x-tenant'], headers!['x-device-id']], ['4711', 'app', 'rail', 'device-of-the-token']);
  // Node reads the bytes of a header as Latin-1.
  t.is(Buffer.from(String(headers!['x-city']), 'latin1').toString(), '上海');
});

test.serial('services hear of one address: of who asked the first proxy that is ours', async (t) => {
  const behind = await startEdge({ env: stub.env, values: { TRUSTED_HOPS: 1 } });
  t.teardown(() => behind.stop());
  let counted = '';
  stub.answers.set(LIMITER, (stream, message) => {
    stream.on('data', (data: Buffer) => (counted += data.toString('latin1'))).once('end', () => answer(stream, message));
  });
  const claimed = { 'x-forwarded-for': '6.6.6.6, 203.0.113.9' };
  for (const [at, address] of [[edge, STUB_HOST], [behind, '203.0.113.9']] as const) {
    stub.seen.clear();
    for (const ask of [() => call(READ, claimed, at), () => fetch(`${at.url}${READ}?connect=v1&encoding=proto&message=AQ`, { headers: claimed })]) {
      counted = '';
      await ask();
      t.deepEqual(counted.match(/\d+\.\d+\.\d+\.\d+/g), [address], 'and so does the limiter');
    }
    t.deepEqual(stub.seen.get(READ)?.map((headers) => headers['x-forwarded-for']), [address, address]);
  }
});

test.serial('a trace begins at the edge or goes on from who asked, with a collector or without', async (t) => {
  stub.seen.clear();
  await call(READ, {});
  const given = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
  await call(READ, { traceparent: given });
  const [begun, continued] = stub.seen.get(READ)!.map((headers) => String(headers.traceparent));
  t.regex(begun!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  t.is(continued!.slice(0, 36), given.slice(0, 36));
  t.not(continued, given, 'the edge is a step of its own');
});

/** Of the mesh and of proxies: whoever may write them steers timeouts, retries, routes, certificates and traces. */
const FOREIGN = [
  'x-forwarded-client-cert', 'x-forwarded-host', 'x-envoy-retry-on', 'x-envoy-upstream-rq-timeout-ms', 'x-envoy-decorator-operation', 'x-envoy-original-path', 'x-envoy-peer-metadata', 'x-envoy-peer-metadata-id',
  'x-envoy-attempt-count', 'x-envoy-original-dst-host', 'x-envoy-external-address', 'x-envoy-expected-rq-timeout-ms', 'x-b3-traceid', 'x-b3-sampled', 'x-istio-attributes', 'x-ot-span-context', 'x-client-trace-id', 'baggage', 'b3',
  'x-request-id', 'x-real-ip', 'x-edge-reply', 'x-edge-retry-info',
];

async function call(path: string, headers: Record<string, string>, at: Edge = edge): Promise<void> {
  const { status } = await h2(at.url, { ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers }, frame(new Uint8Array()));
  if (status !== 200) throw new Error(`${path}: ${status}`);
}
