/** The requirements' smallest deployment: 双节点 Redis 主从、双节点 MySQL 主从、三节点消息、2 节点 Gateway/业务服务. */
import test from 'ava';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { rendered } from './rendered.ts';

test('two of each service and of the edge, two Redis, two MySQL and three NATS, on disks of their own and on different nodes', async (t) => {
  const manifests = await rendered('minimal');
  const replicas = (kind: string): Record<string, number> => Object.fromEntries(manifests.filter((one) => one.kind === kind).map(({ metadata, spec }) => [metadata.name, spec.replicas]));
  t.deepEqual(replicas('Deployment'), Object.fromEntries(['edge', ...SERVICE_NAMES].map((name) => [name, 2])));
  t.deepEqual(replicas('StatefulSet'), { redis: 2, 'redis-sentinel': 3, mysql: 2, nats: 3 });
  t.deepEqual(replicas('HorizontalPodAutoscaler'), {});
  for (const { metadata, spec } of manifests.filter(({ kind }) => kind === 'StatefulSet')) {
    t.is(spec.volumeClaimTemplates[0].metadata.name, 'data', metadata.name);
    t.like(spec.template.spec.topologySpreadConstraints[0], { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' }, metadata.name);
    t.is(manifests.filter(({ kind, metadata: { name } }) => kind === 'PodDisruptionBudget' && name === metadata.name).length, 1, metadata.name);
  }
  const env = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('addresses-'))!.data!;
  t.is(env.NATS_REPLICAS, '3');
});
