/** Proof 3: reads are asked again and writes never are, deadlines reach the callee shortened, and streams go on. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { calls as table } from '../../mesh/calls.ts';
import { EDGE_URL } from '../../scripts/mesh/addresses.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import type { Reply } from './programs/edge.ts';
import { copyPolicy } from './support/policy.ts';
import { eventually, getObject, GRPC, openMesh, OUTSIDE, startProbe, type Answer, type Call, type Probe } from './support/mesh.ts';

/** Whose policy is tried, on servers that do as they are told. */
const SERVICE = 'order';
const ASKED = table().filter(({ callee, port, callers }) => callee === SERVICE && port === 'grpc' && callers.length > 0);
const UNARY = ASKED.filter(({ endless, path }) => !endless && !path.startsWith('/grpc.health.'));
const STREAMS = ASKED.filter(({ endless }) => endless).map(({ path }) => path);

const CALLER_MS = 300_000;
/** Longer than any default of Envoy, Istio or a load balancer that we know of lets a stream be. */
const HOLD_MS = 125_000;

type Http = { name: string; match?: { uri?: { exact?: string }; sourceLabels?: object }[]; timeout?: string };

test('a read that fails once with UNAVAILABLE succeeds; a write that does is seen once, and its caller hears of it', async (t) => {
  const mesh = await openMesh();
  const { server, caller } = await startPair(t, mesh);
  t.true(UNARY.some(({ repeatable }) => repeatable) && UNARY.some(({ repeatable }) => !repeatable));
  const asked = UNARY.map(({ path, repeatable }) => ({ path, repeatable, id: randomUUID() }));
  // A success after each, so that no row of failures takes the only server out.
  const answers = await caller.call(asked.flatMap(({ path, id }) => [to(server, path, { 'x-call': id, 'x-fail-first': String(GRPC.UNAVAILABLE) }), to(server, path, { 'x-call': id })]), 1);
  for (const [index, { path, repeatable }] of asked.entries()) {
    const [first, then] = answers.slice(index * 2) as [Answer, Answer];
    t.deepEqual([path, first.code, first.metadata['x-seen']], [path, repeatable ? GRPC.OK : GRPC.UNAVAILABLE, repeatable ? '2' : '1']);
    // The server has seen what came before it, and nothing else.
    t.deepEqual([path, then.code, then.metadata['x-seen']], [path, GRPC.OK, repeatable ? '3' : '2']);
  }
});

test('a deadline reaches the callee shortened to what the route gives, and a shorter one as it is', async (t) => {
  const mesh = await openMesh();
  const { server, caller } = await startPair(t, mesh);
  const { spec } = await getObject<{ spec: { http: Http[] } }>(mesh, 'virtualservice', SERVICE);
  const limit_ms = (path: string): number => Number(spec.http.find(({ match }) => match?.some(({ uri, sourceLabels }) => uri?.exact === path && sourceLabels === undefined))!.timeout!.replace('s', '')) * 1000;
  const answers = await caller.call(UNARY.map(({ path }) => to(server, path, { 'x-call': randomUUID() })), 1);
  for (const [index, { path }] of UNARY.entries()) {
    const given_ms = Number(answers[index]!.metadata['x-timeout']);
    t.true(given_ms > 0 && given_ms <= limit_ms(path), `${path}: ${given_ms} ms arrived of ${CALLER_MS}, the route gives ${limit_ms(path)}`);
  }
  const { path } = UNARY.toSorted((a, b) => b.timeout_ms - a.timeout_ms)[0]!;
  const [hurried] = await caller.call([{ ...to(server, path, { 'x-call': randomUUID() }), timeout_ms: 3000 }], 1);
  const given_ms = Number(hurried!.metadata['x-timeout']);
  t.true(limit_ms(path) > 3000 && given_ms > 0 && given_ms <= 3000, `${given_ms}`);
});

test('a stream lives past two minutes, from pod to pod and through the edge', async (t) => {
  const mesh = await openMesh();
  t.true(STREAMS.some((path) => path.endsWith('/WatchQueue')));
  const [{ server, caller }, traveller] = await Promise.all([startPair(t, mesh), startProbe(t, mesh, { account: 'default', namespace: OUTSIDE, outside: true })]);
  const day = addDays(serviceDateAt(Date.now()), 1);
  const search = { from: { stationId: 'beijing' }, to: { stationId: 'shanghai' }, date: day };
  const [held, [{ watched }]] = await Promise.all([
    caller.call(STREAMS.map((path) => ({ ...to(server, path, { 'x-hold-ms': String(HOLD_MS) }), stream: true }))),
    traveller.run<[Reply]>('edge', { questions: [{ kind: 'watch', url: EDGE_URL, search, during_ms: HOLD_MS }], at_once: 1, trusting: false }),
  ]);
  for (const [index, { code, details, messages, took_ms }] of held.entries()) {
    t.deepEqual([STREAMS[index], code], [STREAMS[index], GRPC.OK], details);
    t.true(took_ms >= HOLD_MS && messages! > 10, `${messages} messages in ${took_ms} ms`);
  }
  t.is(watched!.end, undefined);
  t.true(watched!.messages > 0);
});

/** A server under the policy of the real one, and who calls it; both know of each other when this resolves. */
async function startPair(t: Parameters<typeof startProbe>[0], mesh: Awaited<ReturnType<typeof openMesh>>): Promise<{ server: Probe; caller: Probe }> {
  const answers = [...UNARY.map(({ path }) => path), ...STREAMS.map((path) => `stream:${path}`)];
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: SERVICE, answers }), startProbe(t, mesh, { account: 'ops', finds: ['./*'] })]);
  await copyPolicy(mesh, SERVICE, server, caller);
  // And the server.
  const read = UNARY.find(({ repeatable }) => repeatable)!.path;
  await eventually(async () => (await caller.call([to(server, read, { 'x-call': randomUUID() })]))[0]!.code === GRPC.OK);
  return { server, caller };
}

function to(server: Probe, path: string, headers: Record<string, string>): Call {
  return { address: `${server.name}:9000`, path, headers, timeout_ms: CALLER_MS };
}
