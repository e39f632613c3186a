import test from 'ava';
import fc from 'fast-check';
import { serviceObjects } from '../testing/objects.ts';
import { bucketRegex, bucketSet } from './buckets.ts';
import { freezeAt } from './freeze.ts';
import type { Deployment, DestinationRule, HttpRoute, VirtualService } from './objects.ts';
import { readOnly } from './only.ts';
import { canaryWeight, hostOf, NO_SHARE, whyNotShiftable, withShare } from './routes.ts';
import { canaryDeployment, isRolledOut, whyNotCopied, withSubset } from './workload.ts';

const [stable, , virtual_service, rule] = serviceObjects('order', 'rail:v1') as [Deployment, unknown, VirtualService, DestinationRule];
const routes = virtual_service.spec.http!;
const host = hostOf(virtual_service, 'order');
const shares = fc.record({ percent: fc.integer({ min: 0, max: 100 }), only: fc.array(fc.constantFrom(readOnly('account=42')!, readOnly('city=上海')!), { maxLength: 2 }), buckets: fc.uniqueArray(fc.nat(63), { maxLength: 5 }) });

test('whatever share came before, weights sum up to 100 and the way back is the beginning', (t) => {
  t.notThrows(() => fc.assert(fc.property(fc.array(shares, { minLength: 1, maxLength: 6 }), (list) => {
    let now: readonly HttpRoute[] = routes;
    for (const share of list) {
      now = withShare(now, host, share);
      t.deepEqual(withShare(now, host, share), now);
      t.true(now.every(({ route }) => route!.reduce((sum, { weight }) => sum + weight!, 0) === 100));
      t.is(whyNotShiftable(now.filter(({ name }) => !name!.startsWith('canary')), host), undefined);
    }
    t.deepEqual(withShare(now, host, NO_SHARE), routes);
  })));
});

test('named users and buckets come before each route, with its own match and limits', (t) => {
  const share = { percent: 5, only: [readOnly('account=42')!], buckets: [3, 17] };
  const shared = withShare(routes, host, share);
  t.deepEqual(shared.map(({ name }) => name), ['canary-only-watch', 'watch', 'canary-only-rest', 'rest']);
  t.deepEqual(shared[0]!.match, [
    { uri: { exact: '/rail.order.v1.OrderService/WatchQueue' }, headers: { 'x-account-id': { exact: '42' } } },
    { uri: { exact: '/rail.order.v1.OrderService/WatchQueue' }, headers: { 'x-route-key': { regex: '^(3|17)$' } } },
  ]);
  t.deepEqual([shared[0]!.timeout, shared[2]!.timeout], ['3600s', '3s']);
  t.deepEqual(shared[3]!.route!.map(({ destination, weight }) => [destination.subset, weight]), [['stable', 95], ['canary', 5]]);
  t.is(canaryWeight(withShare(routes, host, { ...NO_SHARE, percent: 20 })), 20);
});

test('routes that lead elsewhere are left alone, or refused where a share would be of more than two', (t) => {
  const elsewhere: HttpRoute = { name: 'other', route: [{ destination: { host: 'other' } }] };
  t.deepEqual(withShare([elsewhere, ...routes], host, { ...NO_SHARE, percent: 50 })[0], elsewhere);
  t.regex(whyNotShiftable([{ route: [...routes[0]!.route!, ...elsewhere.route!] }], host)!, /also leads elsewhere/);
  t.regex(whyNotShiftable([elsewhere], host)!, /no route leads/);
});

test('the copy has the new image, its own name and label, and the pods of neither are taken for those of the other', (t) => {
  const copy = canaryDeployment({ ...stable, status: { readyReplicas: 2 }, metadata: { ...stable.metadata, uid: 'u', resourceVersion: '9' } }, 'order', { image: 'rail:v2', replicas: 1, run_id: 'r', env: { INVENTORY_BESIDE: 'true' } });
  t.is(copy.metadata.name, 'order-canary');
  t.deepEqual([copy.metadata.uid, copy.metadata.resourceVersion, copy.status, copy.metadata.annotations], [undefined, undefined, undefined, { 'chunyun.rail/canary-run': 'r' }]);
  t.deepEqual([copy.spec.selector.matchLabels, copy.spec.template.metadata!.labels!.track, copy.spec.replicas], [{ app: 'order', track: 'canary' }, 'canary', 1]);
  const { containers, initContainers } = copy.spec.template.spec;
  t.deepEqual([...containers, ...initContainers!].map(({ image }) => image), ['rail:v2', 'other:1', 'rail:v2']);
  t.deepEqual(containers[0]!.env, [{ name: 'LOG_LEVEL', value: 'info' }, { name: 'INVENTORY_BESIDE', value: 'true' }]);
  t.is(stable.spec.template.spec.containers[0]!.image, 'rail:v1');
  t.regex(whyNotCopied({ ...stable, spec: { ...stable.spec, selector: { matchLabels: { app: 'order' } } } }, { app: 'order' })!, /selector lacks track/);
  t.regex(whyNotCopied(stable, { app: 'order', track: 'stable' })!, /no request would reach/);
});

test('the subset has the policy of the stable one, and goes without a trace', (t) => {
  const policy = { connectionPool: { tcp: { maxConnections: 5 } } };
  const own: DestinationRule = { ...rule, spec: { ...rule.spec, subsets: [{ name: 'stable', labels: { track: 'stable' }, trafficPolicy: policy }, { name: 'east', labels: { zone: 'east' } }] } };
  const added = withSubset(own, true);
  t.deepEqual(added.at(-1), { name: 'canary', labels: { track: 'canary' }, trafficPolicy: policy });
  t.deepEqual(withSubset({ ...own, spec: { ...own.spec, subsets: added } }, false), own.spec.subsets);
});

test('a rollout is through when the cluster has seen it and no old pod is left', (t) => {
  const status = { observedGeneration: 4, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };
  const at = (more: object) => isRolledOut({ ...stable, metadata: { ...stable.metadata, generation: 4 }, status: { ...status, ...more } });
  t.true(at({}));
  for (const less of [{ observedGeneration: 3 }, { updatedReplicas: 1 }, { readyReplicas: 1 }, { replicas: 3 }, { unavailableReplicas: 1 }]) t.false(at(less), JSON.stringify(less));
});

test('steps of buckets only grow, have whole buckets, and match nothing but them', (t) => {
  let last: number[] = [];
  for (const percent of [1, 5, 20, 50, 99]) {
    const set = bucketSet(64, percent);
    t.true(last.every((bucket) => set.includes(bucket)));
    t.is(set.length, Math.ceil(64 * percent / 100));
    last = set;
  }
  const regex = new RegExp(bucketRegex([1, 17]));
  t.deepEqual(['1', '17', '7', '11', '117', ''].map((key) => regex.test(key)), [true, true, false, false, false, false]);
  t.is(bucketSet(4, 1).length, 1);
});

test('a freeze lasts from its first minute to its last in Beijing time, and one that can not be read lasts for ever', (t) => {
  const data = { sale: 'from: 2027-01-10 08:00\nuntil: 2027-01-20 00:00\nreason: spring festival\n' };
  const at = (time: string) => freezeAt(data, Date.parse(time))?.en;
  t.is(at('2027-01-10T07:59:59+08:00'), undefined);
  t.is(at('2027-01-10T08:00:00+08:00'), 'spring festival (sale, until 2027-01-20 00:00 Beijing time)');
  t.is(at('2027-01-20T00:00:00+08:00'), undefined);
  for (const text of ['', 'from: tomorrow', '{', 'from: 2027-01-10 08:00\nuntil: 2027-01-09 08:00\nreason: x']) t.truthy(freezeAt({ odd: text }, 0), text);
});

test('users are named by account, city or channel, by the header that the edge sets', (t) => {
  t.deepEqual(['account=42', 'city=上海', 'channel=app', 'role=admin', 'account=', '42'].map(readOnly), [{ header: 'x-account-id', value: '42' }, { header: 'x-city', value: '上海' }, { header: 'x-channel', value: 'app' }, undefined, undefined, undefined]);
});
