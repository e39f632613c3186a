/** The autoscalers' maxima against what the stores and the namespace allow (requirements: 弹性策略与中间件容量联动). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { DEFAULT_POOL_SIZE } from '#kit/store/mysql.ts';
import { planSchema } from '../../scripts/mesh/sale_scaling.ts';
import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { ROOT } from '../../scripts/tools/paths.ts';
import { needsOf, podsOf, rendered, type Manifest } from './rendered.ts';

type Capacity = { mysql: { connections_max_of_a_service: number; connections_max: number }; redis: { clients_max: number }; nats: { connections_max: number } };

const OVERLAY = join(ROOT, 'mesh', 'k8s', 'overlays', 'production');
const capacity = parse(readFileSync(join(OVERLAY, 'capacity.yaml'), 'utf8')) as Capacity;
/** ioredis: one for commands and, in a cluster, one that hears of its changes. */
const REDIS_CONNECTIONS_OF_A_POD = 2;
/** At most one Deployment with a canary at a time (scripts/canary), of no more pods than the stable one. Jobs as many as CronJobs, and two by hand. */
const JOBS = 4;

test('connections at the maxima stay within what MySQL, Redis and NATS allow', async (t) => {
  const manifests = await rendered('production');
  const env = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('addresses-'))!.data!;
  const mysql = SERVICE_NAMES.map((name) => podsAtMost(manifests, name) * Number(env[`${name.toUpperCase()}_MYSQL_POOL`] ?? DEFAULT_POOL_SIZE));
  const holders = (secret: string): ServiceName[] => SERVICE_NAMES.filter((name) => podsOf(manifests).some((pod) => pod.of === `Deployment ${name}` && needsOf(pod).secrets.includes(secret)));
  const pods = (names: readonly ServiceName[]): number => sum(names.map((name) => podsAtMost(manifests, name)));
  t.true(Math.max(...mysql) <= capacity.mysql.connections_max_of_a_service);
  t.true(sum(mysql) <= capacity.mysql.connections_max, `${sum(mysql)} connections to MySQL`);
  t.true(pods(holders('redis')) * REDIS_CONNECTIONS_OF_A_POD <= capacity.redis.clients_max);
  t.true(pods(holders('nats')) <= capacity.nats.connections_max);
  // The sums that capacity.yaml tells its reader.
  const told = readFileSync(join(OVERLAY, 'capacity.yaml'), 'utf8');
  t.regex(told, new RegExp(`order asks for ${mysql[SERVICE_NAMES.indexOf('order')]}, all for ${sum(mysql)}\\.`));
  t.regex(told, new RegExp(`risk, in all ${pods(holders('redis')) * REDIS_CONNECTIONS_OF_A_POD}\\.`));
});

test('the namespace has room for every pod that may be asked for', async (t) => {
  const manifests = await rendered('production');
  const each = ['edge', ...SERVICE_NAMES].map((name) => podsAtMost(manifests, name));
  const quota = manifests.find(({ kind }) => kind === 'ResourceQuota')!.spec.hard.pods;
  t.true(sum(each) + Math.max(...each) + JOBS <= Number(quota), `${sum(each)} pods and a canary of ${Math.max(...each)}`);
});

test('where pods ask for next to nothing, autoscalers go by what pods really use', async (t) => {
  const manifests = await rendered('lab');
  const scalers = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
  t.true(scalers.length > 0);
  for (const { metadata, spec } of scalers) t.deepEqual((spec.metrics as Array<{ resource?: { target: { type: string } } }>).map(({ resource }) => resource?.target.type), ['AverageValue'], metadata.name);
});

test('autoscalers go up fast and down slowly, order by its queue, and a sale asks for nothing that they forbid', async (t) => {
  const manifests = await rendered('production');
  const scalers = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
  t.deepEqual(scalers.map(({ metadata }) => metadata.name).toSorted(), ['edge', ...SERVICE_NAMES].toSorted());
  for (const { metadata, spec } of scalers) {
    t.true(spec.minReplicas >= 3 && spec.maxReplicas > spec.minReplicas, metadata.name);
    t.is(spec.behavior.scaleUp.stabilizationWindowSeconds, 0);
    t.true(spec.behavior.scaleDown.stabilizationWindowSeconds >= 300);
    t.true(spec.metrics.length > 0, metadata.name);
  }
  const of_order = scalers.find(({ metadata }) => metadata.name === 'order')!.spec.metrics as Array<{ external?: { metric: { name: string } } }>;
  t.true(of_order.some(({ external }) => external?.metric.name === 'order_queue_length'));
  const adapter = parse(readFileSync(join(OVERLAY, 'prometheus-adapter.yaml'), 'utf8')) as { rules: { external: Array<{ name: { as: string } }> } };
  const asked = scalers.flatMap(({ spec }) => (spec.metrics as typeof of_order).flatMap(({ external }) => external?.metric.name ?? []));
  t.deepEqual(asked.toSorted(), adapter.rules.external.map(({ name }) => name.as).toSorted());

  const config = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('sale-scaling-'))!;
  const plan = planSchema.parse(parse(config.data!['plan.yaml']!));
  for (const [service, { quiet, sale }] of Object.entries(plan.services)) {
    const { spec } = scalers.find(({ metadata }) => metadata.name === service)!;
    t.true(quiet >= spec.minReplicas && sale > quiet && sale <= spec.maxReplicas, service);
  }
});

test('production has no store of its own and looks for three copies of every stream', async (t) => {
  const manifests = await rendered('production');
  t.deepEqual(manifests.filter(({ kind }) => kind === 'StatefulSet'), []);
  const env = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('addresses-'))!.data!;
  t.is(env.NATS_REPLICAS, '3');
  for (const { spec } of podsOf(manifests).filter(({ kind }) => kind === 'Deployment')) {
    t.like(spec.topologySpreadConstraints[0], { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'Honor' });
    t.truthy(spec.priorityClassName);
  }
});

/** One more than the maximum while a new version comes. */
function podsAtMost(manifests: readonly Manifest[], name: string): number {
  const { maxReplicas } = manifests.find(({ kind, metadata }) => kind === 'HorizontalPodAutoscaler' && metadata.name === name)!.spec;
  const { maxSurge } = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name)!.spec.strategy.rollingUpdate;
  return maxReplicas + maxSurge;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
