/** Proof 5: calls of one train and date meet in one pod of inventory; when pods come and go, few of them move. */
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { copyPolicy } from './support/policy.ts';
import { eventually, GRPC, NAMESPACE, openMesh, startProbe, type Cluster, type Probe } from './support/mesh.ts';

const HOLD = '/rail.inventory.v1.InventoryService/HoldSeats';
const BUCKETS = 200;
const PODS = 4;

test('a key reaches one pod, keys spread over all, and of n pods one more or one less moves about one in n', async (t) => {
  const mesh = await openMesh();
  const [server, caller] = await Promise.all([startProbe(t, mesh, { account: 'inventory', answers: [HOLD], replicas: PODS }), startProbe(t, mesh, { account: 'order' })]);
  await copyPolicy(mesh, 'inventory', server, caller);
  const before = await settled(caller, server, PODS);
  t.is(new Set(before.values()).size, PODS, 'every pod has keys');

  await scale(mesh, server, PODS + 1);
  const with_more = await settled(caller, server, PODS + 1);
  const to_new = moved(before, with_more);
  t.true(to_new > 0 && to_new < 2 * (BUCKETS / (PODS + 1)), `${to_new} of ${BUCKETS} keys moved for a pod that came`);

  const victim = [...with_more.values()][0]!;
  const its_keys = [...with_more.values()].filter((pod) => pod === victim).length;
  await mesh.kubectl(['-n', NAMESPACE, 'delete', 'pod', victim, '--wait=false']);
  await scale(mesh, server, PODS);
  const with_less = await settled(caller, server, PODS);
  t.false(new Set(with_less.values()).has(victim));
  // Of the keys of pods that stayed, only those move that go to whoever took the victim's place.
  const stayed = [...with_more].filter(([, pod]) => new Set(with_less.values()).has(pod));
  const lost = stayed.filter(([key, pod]) => with_less.get(key) !== pod).length;
  t.true(lost <= stayed.length / 2, `${lost} of ${stayed.length} keys left a pod that stayed (${its_keys} were the victim's)`);
});

/** Which pod each key reaches, once every key reaches the same pod three times and so many pods answer. */
async function settled(caller: Probe, server: Probe, pods: number): Promise<Map<string, string>> {
  const keys = Array.from({ length: BUCKETS }, (_, index) => `b${index}`);
  return eventually(async () => {
    const calls = [...keys, ...keys, ...keys].map((key) => ({ address: `${server.name}:9000`, path: HOLD, headers: { 'x-route-key': key, 'x-call': randomUUID() }, timeout_ms: 5000 }));
    const answers = await caller.call(calls, 8);
    const places = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]));
    for (const [index, { code, metadata }] of answers.entries()) places.get(keys[index % BUCKETS]!)!.add(code === GRPC.OK ? metadata['x-pod']! : '');
    const found = new Set([...places.values()].flatMap((one) => [...one]));
    if (found.size !== pods || found.has('') || [...places.values()].some((one) => one.size !== 1)) return false;
    return new Map([...places].map(([key, [pod]]) => [key, pod!]));
  });
}

function moved(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...before].filter(([key, pod]) => after.get(key) !== pod).length;
}

async function scale(mesh: Cluster, server: Probe, replicas: number): Promise<void> {
  await mesh.kubectl(['-n', NAMESPACE, 'scale', `deployment/${server.name}`, `--replicas=${replicas}`]);
}
