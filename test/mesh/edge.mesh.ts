/** Proof 8: the edge as somebody outside meets it, over two replicas of it; and what a service may not reach outside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RESERVED_HEADERS } from '../../envoy/routes.ts';
import { EDGE_URL } from '../../scripts/mesh/addresses.ts';
import type { Cluster } from '../../scripts/mesh/cluster.ts';
import { JWT_AUDIENCE, JWT_ISSUER } from '../../scripts/stack/environment.ts';
import { newAccountId, newId, signToken, type TokenOptions } from '../support/edge_stack.ts';
import type { Ask, Outcome, Question, Reply } from './programs/edge.ts';
import { getObject, openMesh, OUTSIDE, podsOf, runProgram, startProbe, type Answer, type Call, type Probe } from './support/mesh.ts';

const BURST = 10;
const PER_S = 3;
const HAMMER_MS = 4000;
/** A token may flow in while a question that found none is on its way back. */
const MARGIN_MS = 400;

const READ: Ask = { method: 'suggestStations', request: { text: '北京', limit: 1 } };
const WAYS = ['Connect', 'Connect GET', 'gRPC-Web', 'gRPC', 'gRPC over TLS', 'JSON'];

let mesh: Cluster;
let somebody: Probe;
let keys_dir: string;
const ends: (() => unknown)[] = [];

test.before(async () => {
  mesh = await openMesh();
  keys_dir = mkdtempSync(join(tmpdir(), 'chunyun-token-keys-'));
  ends.push(() => rmSync(keys_dir, { recursive: true, force: true }));
  const { data } = await getObject<{ data: Record<string, string> }>(mesh, 'secret', 'keys-identity');
  writeFileSync(join(keys_dir, 'jwt-k0001.pem'), Buffer.from(data['jwt-k0001.pem']!, 'base64'), { mode: 0o600 });
  somebody = await startProbe({ teardown: (end) => void ends.push(end) }, mesh, { account: 'default', namespace: OUTSIDE, outside: true });
});

test.after.always(async () => {
  for (const end of ends) await end();
});

test.serial('an account has a burst of ten and then three a second over both replicas together', async (t) => {
  const urls = await replicas();
  t.true(urls.length >= 2, 'the edge has two pods');
  const ask = { ...READ, headers: { authorization: await bearer({ device_id: newId() }) } };
  const [{ hammered }] = (await replies([{ kind: 'hammer', urls: urls.slice(0, 2), ask, during_ms: HAMMER_MS }], { trusting: true })) as [Reply];
  const { asked, allowed, refused, least_ms, most_ms } = hammered!;
  const passed = sum(allowed);
  t.log(`${passed} of ${asked} in ${Math.round(most_ms)} ms: ${JSON.stringify(allowed)}`);
  const least = Math.min(asked, BURST + Math.floor(((least_ms - MARGIN_MS) / 1000) * PER_S));
  const most = BURST + Math.floor((most_ms / 1000) * PER_S);
  t.true(passed >= least && passed <= most, `${passed} passed, ${least} to ${most} should`);
  t.true(passed === asked || sum(refused) > 0);
  for (const url of urls.slice(0, 2)) t.true((allowed[url] ?? 0) > 0, `${url} let somebody in`);
});

test.serial('every protocol is answered', async (t) => {
  const [{ outcomes }] = (await replies([{ kind: 'ways', url: EDGE_URL, ask: READ }])) as [Reply];
  t.deepEqual(outcomes!.map(({ way }) => way), WAYS);
  for (const { way, answer, refusal } of outcomes!) t.truthy(answer, `${way}: ${JSON.stringify(refusal)}`);
  const answers = new Set(outcomes!.map(({ answer }) => JSON.stringify((answer as { suggestions: unknown }).suggestions)));
  t.is(answers.size, 1, [...answers].join('\n'));
});

test.serial('an expired, foreign, unsigned or changed token is refused in every protocol, also where none is needed', async (t) => {
  const good = (await bearer()).slice('Bearer '.length);
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  const bad: [string, string, string][] = [
    ['expired', await bearer({ expires_in_s: -60 }), 'TOKEN_EXPIRED'],
    ['for another audience', await bearer({ claims: { aud: 'elsewhere' } }), 'TOKEN_INVALID'],
    ['of another issuer', await bearer({ claims: { iss: 'elsewhere' } }), 'TOKEN_INVALID'],
    ['of an unknown key', await bearer({ header: { kid: 'k9999' } }), 'TOKEN_INVALID'],
    ['without a signature', `Bearer ${header}.${payload}.`, 'TOKEN_INVALID'],
    ['of algorithm none', `Bearer ${none}.${payload}.`, 'TOKEN_INVALID'],
    ['with another signature', `Bearer ${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`, 'TOKEN_INVALID'],
  ];
  const asks = bad.flatMap(([, authorization]): Ask[] => [{ ...READ, headers: { authorization } }, { method: 'getAccount', request: {}, headers: { authorization } }]);
  const found = await replies(asks.map((ask): Question => ({ kind: 'ways', url: EDGE_URL, ask })));
  for (const [index, { outcomes }] of found.entries()) {
    const [what, , reason] = bad[Math.floor(index / 2)]!;
    for (const outcome of outcomes!) t.deepEqual(refusalOf(outcome), ['UNAUTHENTICATED', reason], `a token ${what} by ${outcome.way}`);
  }
});

test.serial('who says by headers that it is somebody, or a service, or where to be led, is nobody and led nowhere', async (t) => {
  const [mine, other] = await register(2);
  const forged: Record<string, string> = {
    ...Object.fromEntries(RESERVED_HEADERS.map((name) => [name, name.endsWith('-bin') ? 'AAAA' : other!.account_id])),
    'x-chunyun-account-id': other!.account_id,
    'x-forwarded-client-cert': 'By=spiffe://cluster.local/ns/chunyun/sa/identity;URI=spiffe://cluster.local/ns/chunyun/sa/order',
    'x-route-key': '1',
    'x-envoy-upstream-rq-timeout-ms': '1',
    'x-envoy-retry-on': '5xx',
    'x-envoy-original-dst-host': '10.0.0.1:80',
  };
  const [nobody, me, reads] = await replies([
    { kind: 'ways', url: EDGE_URL, ask: { method: 'getAccount', request: {}, headers: forged } },
    { kind: 'ways', url: EDGE_URL, ask: { method: 'getAccount', request: {}, headers: { ...forged, authorization: `Bearer ${mine!.token}` } } },
    { kind: 'ways', url: EDGE_URL, ask: { ...READ, headers: forged } },
  ]);
  for (const outcome of nobody!.outcomes!) t.deepEqual(refusalOf(outcome), ['UNAUTHENTICATED', 'TOKEN_MISSING'], outcome.way);
  for (const { way, answer, refusal } of me!.outcomes!) t.is((answer as { account?: { accountId?: string } } | undefined)?.account?.accountId, mine!.account_id, `${way}: ${JSON.stringify(refusal)}`);
  for (const { way, answer, refusal } of reads!.outcomes!) t.truthy(answer, `${way}: ${JSON.stringify(refusal)}`);
  // What only services may call is not there, whoever one says to be.
  const head = Object.entries(forged).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const path = '/rail.identity.v1.IdentityService/ResolvePassengers';
  const [spoken] = await replies([{ kind: 'speak', url: EDGE_URL, text: `POST ${path} HTTP/1.1\r\nhost: identity.chunyun.svc.cluster.local\r\n${head}content-type: application/proto\r\nconnect-protocol-version: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n` }]);
  t.regex(spoken!.text!, /^HTTP\/1.1 404 /);
});

test.serial('what is too large, too slow or malformed is refused', async (t) => {
  const speak = (text: string): Question => ({ kind: 'speak', url: EDGE_URL, text });
  const post = (length: number, body: string): string => `POST /v1/accounts:login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${body}`;
  const [large, header, slow_head, slow_body, garbage, no_json, no_path, smuggled] = await replies([
    { kind: 'ways', url: EDGE_URL, ask: { method: 'logIn', request: { loginName: 'x'.repeat(300_000), password: 'x' } } },
    speak(`GET /v1/account HTTP/1.1\r\nhost: x\r\nx-big: ${'a'.repeat(40_000)}\r\nconnection: close\r\n\r\n`),
    speak('GET /v1/account HTTP/1.1\r\nhost: x\r\nx-slow: '),
    speak(post(100, '{')),
    speak('\u0001\u0002 nonsense\r\n\r\n'),
    speak(post(1, '{')),
    speak('GET /a%2Fb HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
    speak('POST /v1/accounts:login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  ], { at_once: 8 });
  for (const outcome of large!.outcomes!.filter(({ way }) => way !== 'Connect GET')) t.deepEqual(refusalOf(outcome), ['INVALID_ARGUMENT', 'MESSAGE_TOO_LARGE'], outcome.way);
  t.regex(header!.text!, /^HTTP\/1.1 431 /);
  for (const { text } of [slow_head!, slow_body!]) t.regex(text!, /^HTTP\/1.1 408 /);
  for (const { text } of [garbage!, no_json!, no_path!, smuggled!]) t.regex(text!, /^HTTP\/1.1 400 /);
});

test.serial('a service reaches the systems and stores that are named for it, and nothing else', async (t) => {
  const [pod] = await podsOf(mesh, 'query');
  const { status } = await getObject<{ status: { podIP: string } }>(mesh, 'pod', (await podsOf(mesh, 'sandbox', OUTSIDE))[0]!, OUTSIDE);
  const get = (address: string, headers?: Record<string, string>): Call => ({ address, path: '/', headers, timeout_ms: 10_000, http_method: 'GET' });
  const outside = (name: string): string => `${name}.chunyun-outside.svc.cluster.local`;
  const refused = [get(`${outside('messaging')}:80`), get(`${outside('messaging')}:8443`), get('192.0.2.1:80', { host: 'example.com' }), get(`${status.podIP}:8446`), get('nats.chunyun-data.svc.cluster.local:4222'), get('kubernetes.default.svc:443'), get('payment:8080')];
  const [own, ...others] = await runProgram<Answer[]>(mesh, 'call', { pod: pod! }, { calls: [get(`${outside('railway')}:80`), ...refused], at_once: 2 });
  t.true(own!.code >= 200 && own!.code < 500, JSON.stringify(own));
  for (const [index, { code, details }] of others.entries()) t.true(code === 502 || code === 0, `${refused[index]!.address}: ${code} ${details}`);
});

function replies(questions: readonly Question[], { trusting = false, at_once = 1 } = {}): Promise<Reply[]> {
  return somebody.run<Reply[]>('edge', { questions, at_once, trusting });
}

/** Each pod of the edge by itself. */
async function replicas(): Promise<string[]> {
  const pods = await podsOf(mesh, 'edge');
  return Promise.all(pods.map(async (pod) => `https://${(await getObject<{ status: { podIP: string } }>(mesh, 'pod', pod)).status.podIP}:8443`));
}

async function bearer(options: TokenOptions = {}): Promise<string> {
  return `Bearer ${await signToken({ SIGNING_KEYS_DIR: keys_dir, JWT_ISSUER, JWT_AUDIENCE }, { account_id: newAccountId(), ...options })}`;
}

async function register(count: number): Promise<{ account_id: string; token: string }[]> {
  const found = await replies(Array.from({ length: count }, (): Question => {
    const request = { requestId: newId(), loginName: `m_${newId().replaceAll('-', '').slice(-20)}`, password: 'spring-2027', phone: '13800138000' };
    return { kind: 'ask', url: EDGE_URL, ask: { method: 'register', request, headers: { 'x-device-id': newId() } } };
  }));
  return found.map(({ outcomes }) => {
    const { answer, refusal } = outcomes![0]!;
    if (answer === undefined) throw new Error(JSON.stringify(refusal));
    const { account, tokens } = answer as { account: { accountId: string }; tokens: { accessToken: string } };
    return { account_id: account.accountId, token: tokens.accessToken };
  });
}

function refusalOf({ refusal }: Outcome): [string | undefined, string | undefined] {
  return [refusal?.code, refusal?.reason];
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, one) => total + one, 0);
}
