/** An edge on the open Internet: what is spoken with whom, how many may come, and how it bears those who mean it harm. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import test from 'ava';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { HSTS } from '../../envoy/headers.ts';
import { EDGE_CONFIG_PATH } from '../../envoy/render.ts';
import { selfSigned } from '../../scripts/stack/certificate.ts';
import { writePrivate } from '../../scripts/stack/secrets.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { frame } from '../support/edge_raw.ts';
import { answer, startStub, type Stub } from '../support/edge_stub.ts';
import { waysInto } from '../support/edge_ways.ts';
import { eventually } from '../support/processes.ts';

const READ = '/rail.query.v1.QueryService/SuggestStations';
const LIMITER = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
/** Between the quarter of a second that a question waits for the limiter and the second that a write does. */
const LATE_MS = 500;
const SMALL = 8;

let stub: Stub;
let edge: Edge;
/** With room for few. */
let small: Edge;
let redirect_url: string;

test.before(async () => {
  stub = await startStub();
  edge = await startEdge({ env: stub.env });
  small = await startEdge({ env: stub.env, values: { MAX_CONNECTIONS: SMALL * 2, MAX_REDIRECT_CONNECTIONS: SMALL } });
  // On any port that was free.
  const listeners = await (await fetch(`${small.admin_url}/listeners`)).text();
  redirect_url = `http://${/^redirect::(.*)$/m.exec(listeners)![1]}`;
});

test.after.always(async () => {
  await edge?.stop();
  await small?.stop();
  await stub?.stop();
});

test.serial('TLS of today only, and HTTP/2 by it', async (t) => {
  t.deepEqual(await handshake({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }), 'refused');
  t.deepEqual(await handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:AES128-GCM-SHA256:AES128-SHA@SECLEVEL=0' }), 'refused');
  t.deepEqual(await handshake({ maxVersion: 'TLSv1.2' }), 'TLSv1.2 h2');
  t.deepEqual(await handshake({}), 'TLSv1.3 h2');
});

test.serial('a renewed certificate is shown without a restart, half of one is not, and who is connected stays so', async (t) => {
  const renewed = await startEdge({ env: stub.env });
  t.teardown(() => renewed.stop());
  const shown = (): Promise<string> => new Promise((resolve, reject) => {
    const socket = connectTls({ ...addressOf(renewed.tls_url), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
  const first = await shown();
  const early = connectH2(renewed.tls_url, { rejectUnauthorized: false });
  t.teardown(() => early.destroy());
  await once(early, 'connect');
  const { certificate_pem, key_pem } = selfSigned(new Date(), 1);
  const second = new X509Certificate(certificate_pem).fingerprint256;
  t.not(first, second);
  moveInto(join(renewed.folder, 'envoy', 'tls.crt'), certificate_pem);
  // Its key is still the old one's.
  await eventually(() => readFileSync(renewed.log_path, 'utf8').includes('KEY_VALUES_MISMATCH'));
  t.is(await shown(), first);
  moveInto(join(renewed.folder, 'envoy', 'tls.key'), key_pem);
  await eventually(async () => (await shown()) === second);
  const [headers] = (await once(early.request({ ':path': '/healthz' }), 'response')) as [Record<string, unknown>];
  t.is(headers[':status'], 200);
});

test.serial('who comes without TLS where it is wanted is sent to it, and who asks whether we are well is told', async (t) => {
  for (const path of ['/', '/orders/1?x=1', '/v1/stations:suggest?text=bj', `${READ}?connect=v1&encoding=proto&message=`]) {
    const answer = await fetch(`${redirect_url}${path}`, { redirect: 'manual', headers: { connection: 'close' } });
    t.deepEqual([answer.status, answer.headers.get('location')], [308, `https://127.0.0.1${path}`]);
    t.false(answer.headers.has('strict-transport-security'), 'which may only be said where TLS is');
  }
  t.is((await fetch(`${redirect_url}/healthz`, { headers: { connection: 'close' } })).status, 200);
  for (const path of ['/', '/v1/nothing', '/healthz', '/a%2Fb']) t.is((await get(small.tls_url, path))['strict-transport-security'], HSTS['strict-transport-security'], path);
});

test.serial('connections have a number, and those that ask for the way to TLS a smaller one', async (t) => {
  const plain = await hold(redirect_url, SMALL + 4);
  await eventually(() => plain.alive().length <= SMALL);
  // Who sells is not kept busy by them.
  t.is((await get(small.tls_url, '/healthz'))[':status'], 200);
  const all = await hold(small.tls_url, SMALL * 2);
  await eventually(() => plain.alive().length + all.alive().length <= SMALL * 2);
  // The operator gets through.
  t.is((await fetch(`${small.admin_url}/ready`)).status, 200);
  plain.end();
  all.end();
  await eventually(async () => (await get(small.tls_url, '/healthz').catch(() => undefined))?.[':status'] === 200);
});

test.serial('who opens streams only to reset them is sent away, and nobody else', async (t) => {
  const neighbour = connectH2(edge.url);
  const attacker = connectH2(edge.url);
  attacker.on('error', () => {});
  await once(attacker, 'connect');
  const closed = once(attacker, 'close');
  for (let turn = 0; !attacker.destroyed && !attacker.closed; turn++) {
    const stream = attacker.request({ ':method': 'POST', ':path': READ, 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', () => {});
    stream.close(8);
    if (turn % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  t.is(await stat(edge, 'http.public.downstream_rq_too_many_premature_resets'), 1);
  const stream = neighbour.request({ ':method': 'POST', ':path': READ, 'content-type': 'application/grpc', te: 'trailers' });
  stream.end(frame(new Uint8Array()));
  const [answer] = (await once(stream, 'response')) as [{ ':status': number }];
  t.is(answer[':status'], 200);
  neighbour.destroy();
});

test.serial('when memory is short, everybody is told so in their own protocol', async (t) => {
  // Without the last step, which is to let nobody in.
  const template = readFileSync(EDGE_CONFIG_PATH, 'utf8').replace(/ +- name: envoy\.overload_actions\.reject_incoming_connections\n( {6}.*\n)+/, '');
  t.not(template, readFileSync(EDGE_CONFIG_PATH, 'utf8'));
  const full = await startEdge({ env: stub.env, values: { MAX_HEAP_BYTES: 1_048_576 }, template });
  const ways = waysInto(full);
  t.teardown(async () => {
    for (const { close } of ways) close?.();
    await full.stop();
  });
  await eventually(async () => (await stat(full, 'overload.envoy.overload_actions.stop_accepting_requests.active')) === 1);
  for (const { name, unary } of ways) {
    const outcome = await unary(QueryService.method.suggestStations, { text: 'bj' });
    const refusal = 'refusal' in outcome ? outcome.refusal : undefined;
    t.deepEqual([name, refusal?.code, refusal?.reason, refusal?.retry_after_ms], [name, 'RESOURCE_EXHAUSTED', 'OVERLOADED', 2000]);
  }
});

test.serial('a write waits for a limiter that is late and is refused without its word, and a question is answered without it', async (t) => {
  const patient = waysInto(edge);
  t.teardown(() => {
    stub.answers.delete(LIMITER);
    for (const { close } of patient) close?.();
  });
  const write = patient.filter(({ name }) => name !== 'Connect GET');
  const logIn = (way: (typeof write)[number]) => way.unary(IdentityService.method.logIn, { loginName: 'somebody', password: 'x' });
  // Later than a question would wait.
  stub.answers.set(LIMITER, (stream, message) => void setTimeout(() => answer(stream, message), LATE_MS));
  for (const outcome of await Promise.all(write.map(logIn))) t.true('answer' in outcome, JSON.stringify(outcome));
  stub.answers.set(LIMITER, () => {});
  for (const outcome of await Promise.all(write.map(logIn))) t.is('refusal' in outcome ? outcome.refusal.code : 'an answer', 'UNAVAILABLE');
  for (const outcome of await Promise.all(patient.map((way) => way.unary(QueryService.method.suggestStations, { text: 'bj' })))) t.true('answer' in outcome, JSON.stringify(outcome));
});

test.serial('who opens the page while the edge sheds load reads in both languages that it comes back, without a script', async (t) => {
  const shedding = await startEdge({ env: stub.env, values: { LOCAL_LIMIT_PER_S: 1 } });
  t.teardown(() => shedding.stop());
  for (const path of ['/', '/orders/1', '/assets/app.js']) {
    const refused = await eventually(async () => {
      const answer = await fetch(`${shedding.url}${path}`, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
      return answer.status === 429 && answer;
    });
    t.deepEqual([refused.headers.get('content-type'), refused.headers.get('retry-after'), refused.headers.get('cache-control')], ['text/html; charset=utf-8', '15', 'no-store']);
    t.truthy(refused.headers.get('content-security-policy'));
    const page = await refused.text();
    for (const words of [/请稍候/, /lang="en"/, /http-equiv="refresh"/]) t.regex(page, words);
    t.notRegex(page, /<script/);
  }
  const program = await eventually(async () => {
    const answer = await fetch(`${shedding.url}/v1/stations:suggest?text=bj`);
    return answer.status === 429 && answer;
  });
  t.is(program.headers.get('content-type'), 'application/json');
});

test.serial('when there is no memory at all, nobody is let in, and the edge lives', async (t) => {
  const full = await startEdge({ env: stub.env, values: { MAX_HEAP_BYTES: 1_048_576 } });
  t.teardown(() => full.stop());
  await eventually(async () => (await stat(full, 'overload.envoy.overload_actions.reject_incoming_connections.active')) === 1);
  const late = await hold(full.url, 3);
  await eventually(() => late.alive().length === 0);
  t.is((await fetch(`${full.admin_url}/ready`)).status, 200);
});

test.serial('the log says what happened, and nothing about anybody', async (t) => {
  const headers = { 'user-agent': 'somebody', 'x-device-id': 'device-of-somebody', cookie: 'a=somebody' };
  await fetch(`${edge.url}/v1/stations:suggest?text=somebody`, { headers });
  const denied = await fetch(`${edge.url}/v1/account`, { headers: { ...headers, authorization: 'Bearer somebody' } });
  const line = await eventually(() => readFileSync(join(edge.folder, 'envoy', 'access.log'), 'utf8').split('\n').find((one) => one.includes(denied.headers.get('x-request-id')!)));
  t.notRegex(readFileSync(join(edge.folder, 'envoy', 'access.log'), 'utf8'), /somebody/);
  const { status, why, route, trace_id } = JSON.parse(line) as Record<string, unknown>;
  t.deepEqual([status, route], [401, '/rail.identity.v1.IdentityService/GetAccount']);
  t.regex(String(why), /jwt_authn_access_denied/);
  t.regex(String(trace_id), /^[0-9a-f]{32}$/);
});

function handshake(options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...addressOf(edge.tls_url), rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'], ...options }, () => {
      resolve(`${socket.getProtocol()} ${String(socket.alpnProtocol)}`);
      socket.destroy();
    });
    socket.on('error', () => resolve('refused'));
  });
}

function addressOf(url: string): { host: string; port: number } {
  return { host: '127.0.0.1', port: Number(new URL(url).port) };
}

/** As Kubernetes changes what a Secret gives to a pod: never half a file. */
function moveInto(path: string, text: string): void {
  writePrivate(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** The headers of an answer by HTTP/2. */
async function get(url: string, path: string): Promise<Record<string, unknown>> {
  const session = connectH2(url, { rejectUnauthorized: false });
  try {
    return await new Promise((resolve, reject) => {
      session.once('error', reject);
      session.request({ ':path': path }).once('error', reject).once('response', resolve);
    });
  } finally {
    session.destroy();
  }
}

/** Opens connections that say nothing. Some may be closed by the other side. */
async function hold(url: string, count: number): Promise<{ alive(): Socket[]; end(): void }> {
  const sockets = await Promise.all(Array.from({ length: count }, async () => {
    const socket = connectTcp(addressOf(url));
    socket.on('error', () => {});
    await once(socket, 'connect').catch(() => undefined);
    return socket;
  }));
  const alive = (): Socket[] => sockets.filter((socket) => !socket.destroyed && socket.readable);
  return { alive, end: () => sockets.forEach((socket) => socket.destroy()) };
}

async function stat(of: Edge, name: string): Promise<number> {
  const text = await (await fetch(`${of.admin_url}/stats?filter=^${name}$`)).text();
  return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
}
