/**
 * Proofs 5 and 7 on the product itself: while people buy, every Deployment is rolled over, one after the other, pods are evicted,
 * and one of inventory's is killed. Nobody who asks once only sees an error, and no seat is sold twice.
 */
import test from 'ava';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { startBuyers } from './support/buyers.ts';
import { eventually, NAMESPACE, openMesh, podsOf, type Cluster } from './support/mesh.ts';
import { oversoldSeats } from './support/ledger.ts';

/** Each has a trip for every day of the window, and then no more. */
const BUYERS = Number(process.env.MESH_BUYERS ?? 44);
/** Purchases begun a second. What a machine can carry beside a rollout differs; two cores carry little. */
const RATE = Number(process.env.MESH_RATE ?? 1.5);
const ROLLOUT_MS = 600_000;

test.serial('rolling every service over, one by one, is noticed by nobody who buys', async (t) => {
  const mesh = await openMesh();
  const buyers = await startBuyers(t, mesh, { buyers: BUYERS, rate: RATE });
  await buyers.more(2);
  for (const name of ['edge', ...SERVICE_NAMES]) {
    await mesh.kubectl(['-n', NAMESPACE, 'rollout', 'restart', `deployment/${name}`]);
    await mesh.kubectl(['-n', NAMESPACE, 'rollout', 'status', `deployment/${name}`, '--timeout=600s'], { deadline_ms: ROLLOUT_MS });
    t.log(name, summary(buyers.sofar()));
  }
  await buyers.more(2);
  const { bought, lost, seen } = await buyers.stop();
  t.log(`${bought} bought`);
  t.deepEqual(lost, []);
  t.deepEqual(seen, []);
  t.deepEqual(await oversoldSeats(mesh), []);
});

test.serial('evicting every pod, as their disruption budgets let it, is noticed by nobody who buys', async (t) => {
  const mesh = await openMesh();
  const buyers = await startBuyers(t, mesh, { buyers: BUYERS, rate: RATE });
  for (const name of ['edge', ...SERVICE_NAMES]) {
    const before = await podsOf(mesh, name);
    for (const pod of before) await evict(mesh, pod);
    await eventually(async () => {
      const now = await podsOf(mesh, name);
      return now.length >= before.length && now.every((pod) => !before.includes(pod));
    });
    await mesh.kubectl(['-n', NAMESPACE, 'rollout', 'status', `deployment/${name}`, '--timeout=600s'], { deadline_ms: ROLLOUT_MS });
    t.log(name, summary(buyers.sofar()));
  }
  await buyers.more(2);
  const { lost, seen } = await buyers.stop();
  t.deepEqual(lost, []);
  t.deepEqual(seen, []);
});

test.serial('a pod of inventory that is killed takes no purchase with it, and no seat is sold twice', async (t) => {
  const mesh = await openMesh();
  const buyers = await startBuyers(t, mesh, { buyers: BUYERS, rate: RATE });
  await buyers.more(2);
  const [victim] = await podsOf(mesh, 'inventory');
  await mesh.kubectl(['-n', NAMESPACE, 'delete', 'pod', victim!, '--grace-period=0', '--force']);
  await buyers.more(10);
  const { lost } = await buyers.stop();
  t.deepEqual(lost, []);
  t.deepEqual(await oversoldSeats(mesh), []);
});

/** Asks for an eviction until the disruption budget allows it. */
async function evict(mesh: Cluster, pod: string): Promise<void> {
  const body = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: NAMESPACE } });
  await eventually(async () => {
    const { code, stderr } = await mesh.tryKubectl(['create', '--raw', `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`, '-f', '-'], { input: body });
    if (code === 0) return true;
    if (/disruption budget|TooManyRequests/i.test(stderr)) return false;
    throw new Error(stderr);
  });
}

function summary({ bought, lost, seen }: { bought: number; lost: string[]; seen: string[] }): string {
  return `${bought} bought, ${lost.length} lost, ${seen.length} errors seen${seen.length > 0 ? `: ${seen.slice(-3).join('; ')}` : ''}`;
}
