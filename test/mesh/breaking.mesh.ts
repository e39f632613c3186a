/** Proof 4: who answers nothing but errors, or nothing at all, is left out and comes back; what is too much is refused at once. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { copyPolicy } from './support/policy.ts';
import { eventually, GRPC, openMesh, proxyStats, signalServer, startProbe, type Call, type Probe } from './support/mesh.ts';

/** A write of query's: calls of it are not repeated, so that each is seen as it is. */
const WRITE = '/rail.query.v1.QueryService/SyncTimetable';
const READ = '/rail.query.v1.QueryService/GetTrainRun';
/** mesh/istio/destinations.ts: so many gateway errors in a row, and the pod is out. */
const ERRORS_TO_EJECT = 5;
const AT_ONCE = 4;
/** Requests that the narrowed policy lets be under way to a service. */
const LIMIT = 10;
/** Calls that may be under way to a pod at the moment it is ejected: those made at once, and those that begin until all of the proxy has heard. */
const UNDER_WAY = 3 * AT_ONCE;

function calls(server: Probe, count: number, headers: Record<string, string> = {}, path = WRITE): Call[] {
  return Array.from({ length: count }, () => ({ address: `${server.name}:9000`, path, headers: { 'x-call': randomUUID(), ...headers }, timeout_ms: 5000 }));
}

test.serial('a pod that answers with errors is ejected after five of them, and comes back', async (t) => {
  const mesh = await openMesh();
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: 'query', answers: [WRITE, READ], replicas: 3 }), startProbe(t, mesh, { account: 'ops' })]);
  await copyPolicy(mesh, 'query', server, caller);
  const pods = await server.pods();
  const sick = pods[0]!;
  // Until the caller's proxy knows all three.
  await eventually(async () => new Set((await caller.call(calls(server, 60))).map(({ metadata }) => metadata['x-pod'])).size === 3);

  const answers = await caller.call(calls(server, 120, { 'x-fail-pod': `${sick}=${GRPC.UNAVAILABLE}` }), AT_ONCE);
  const errors = answers.filter(({ code }) => code !== GRPC.OK);
  t.true(errors.length >= ERRORS_TO_EJECT, `${errors.length} errors`);
  t.true(errors.length <= ERRORS_TO_EJECT + UNDER_WAY, `${errors.length} errors reached the caller: ${errors.map(({ code, details }) => `${code} ${details}`).join('; ')}`);
  const last_error = answers.findLastIndex(({ code }) => code !== GRPC.OK);
  t.true(answers.slice(last_error + 1).every(({ metadata }) => metadata['x-pod'] !== sick));

  await eventually(async () => (await caller.call(calls(server, 30))).some(({ metadata }) => metadata['x-pod'] === sick));
  t.pass('it is asked again');
});

test.serial('a frozen pod is ejected, and from then on no caller meets it', async (t) => {
  const mesh = await openMesh();
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: 'query', answers: [WRITE, READ], replicas: 3 }), startProbe(t, mesh, { account: 'ops' })]);
  // Writes of this method may take long; here the route's time is that of a quick one.
  await copyPolicy(mesh, 'query', server, caller, { change: shortenWrites });
  await eventually(async () => new Set((await caller.call(calls(server, 60))).map(({ metadata }) => metadata['x-pod'])).size === 3);
  const frozen = (await server.pods())[0]!;
  await signalServer(mesh, frozen, 'STOP');
  t.teardown(() => signalServer(mesh, frozen, 'CONT').catch(() => {}));

  const answers = await caller.call(calls(server, 80), AT_ONCE);
  const lost = answers.filter(({ code }) => code !== GRPC.OK);
  t.true(lost.length >= 1 && lost.length <= ERRORS_TO_EJECT + UNDER_WAY, `${lost.length} calls met the frozen pod: ${lost.map(({ code, details, took_ms }) => [code, details, Math.round(took_ms)].join(' ')).join('; ')}`);
  const after = await caller.call(calls(server, 40), AT_ONCE);
  t.deepEqual(after.filter(({ code }) => code !== GRPC.OK).map(({ details }) => details), []);
});

test.serial('a read that meets a sick pod is asked of another, so that hardly a caller notices', async (t) => {
  const mesh = await openMesh();
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: 'query', answers: [WRITE, READ], replicas: 3 }), startProbe(t, mesh, { account: 'ops' })]);
  await copyPolicy(mesh, 'query', server, caller);
  await eventually(async () => new Set((await caller.call(calls(server, 60))).map(({ metadata }) => metadata['x-pod'])).size === 3);
  const sick = (await server.pods())[0]!;
  const answers = await caller.call(calls(server, 120, { 'x-fail-pod': `${sick}=${GRPC.UNAVAILABLE}` }, READ), AT_ONCE);
  const noticed = answers.filter(({ code }) => code !== GRPC.OK).length;
  // The second try looks for another pod a few times, not for ever; a pod that refuses at once is the least busy one.
  t.true(noticed <= 2, `${noticed} of ${answers.length} reads failed: ${answers.filter(({ code }) => code !== GRPC.OK).map(({ details, metadata }) => `${details} ${metadata['x-pod'] === sick} ${metadata['x-seen']}`).join('; ')}`);
  t.true(answers.some(({ metadata }) => metadata['x-seen'] === '1' && metadata['x-pod'] !== sick));
});

test.serial('what is more than a service takes is refused at once, and what was accepted finishes', async (t) => {
  const mesh = await openMesh();
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: 'query', answers: [WRITE, READ] }), startProbe(t, mesh, { account: 'ops' })]);
  await copyPolicy(mesh, 'query', server, caller, { change: limitRequests });
  await eventually(async () => {
    const answers = await caller.call(calls(server, 60, { 'x-delay-ms': '2000' }), 60);
    const refused = answers.filter(({ code }) => code === GRPC.UNAVAILABLE);
    if (refused.length === 0) return false;
    const accepted = answers.filter(({ code }) => code === GRPC.OK);
    t.is(accepted.length + refused.length, 60);
    t.true(accepted.length >= LIMIT && accepted.length <= 2 * LIMIT, `${accepted.length} of 60 were accepted`);
    t.true(refused.every(({ details }) => details.includes('overflow')), refused[0]!.details);
    // At once: before any that was accepted can have been answered.
    t.true(refused.every(({ took_ms }) => took_ms < Math.min(...accepted.map((one) => one.took_ms))));
    return true;
  });
  const [pod] = await caller.pods();
  const stats = await proxyStats(mesh, pod!, `outbound.9000.*${server.name}.*upstream_rq_pending_overflow`);
  t.true(Object.keys(stats).length === 0 || Object.values(stats).some((count) => count > 0));
});

function limitRequests(spec: Record<string, unknown>, kind: string): void {
  if (kind !== 'DestinationRule') return;
  const { connectionPool } = (spec as { trafficPolicy: { connectionPool: { http: { http2MaxRequests: number } } } }).trafficPolicy;
  connectionPool.http.http2MaxRequests = LIMIT;
}

function shortenWrites(spec: Record<string, unknown>, kind: string): void {
  if (kind !== 'VirtualService') return;
  for (const route of (spec as { http: { name: string; timeout?: string }[] }).http) if (route.name.startsWith('writes')) route.timeout = '0.9s';
}
