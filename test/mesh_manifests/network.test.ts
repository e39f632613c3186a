/** Who may leave for stores and systems outside: just those that hold a secret for it. Its enforcement is the cluster's. */
import test from 'ava';
import { LAB, MINIMAL } from '../../mesh/istio/places.ts';
import { OUTSIDE } from '../../mesh/reach.ts';
import { needsOf, OVERLAYS, podsOf, rendered, selects, type Manifest, type Pod } from './rendered.ts';

/** Ports, as the overlays have them. */
const STORE_PORTS = { mysql: 3306, redis: 6379, nats: 4222 };

for (const overlay of OVERLAYS) {
  test(`${overlay}: a pod reaches the stores that it holds a secret of, and no other`, async (t) => {
    const manifests = await rendered(overlay);
    for (const pod of ours(manifests)) {
      const { secrets } = needsOf(pod);
      const holds = { mysql: secrets.some((name) => name.startsWith('mysql-')), redis: secrets.includes('redis'), nats: secrets.includes('nats') };
      const ports = portsOut(manifests, pod, (peer) => peer.podSelector?.matchLabels?.app !== undefined || peer.podSelector?.matchExpressions !== undefined || peer.ipBlock !== undefined);
      t.deepEqual(Object.fromEntries(Object.entries(STORE_PORTS).map(([store, port]) => [store, ports.has(port)])), holds, pod.of);
    }
  });

  test(`${overlay}: only services with a partner leave for the world outside, and only the scaling job for the API`, async (t) => {
    const manifests = await rendered(overlay);
    const policy = manifests.find(({ metadata }) => metadata.name === 'to-outside')!;
    t.deepEqual(ours(manifests).filter(({ labels }) => selects(policy.spec.podSelector, labels)).map(({ name }) => name).toSorted(), Object.keys(OUTSIDE).toSorted());
    const anywhere = policiesOf(manifests).filter(({ spec }) => (spec.egress ?? []).some((rule: { to?: unknown }) => rule.to === undefined));
    t.deepEqual(anywhere.map(({ metadata }) => metadata.name), overlay === 'production' ? ['sale-scaling'] : []);
  });

  test(`${overlay}: what no policy lets through is refused, for every pod and both ways`, async (t) => {
    const manifests = await rendered(overlay);
    t.true(policiesOf(manifests).some(({ spec }) => Object.keys(spec.podSelector).length === 0 && spec.ingress === undefined && spec.egress === undefined && spec.policyTypes.length === 2));
    // From anywhere: only the edge's own two ports.
    const open = policiesOf(manifests).flatMap(({ spec }) => (spec.ingress ?? []).filter((rule: { from?: unknown }) => rule.from === undefined).map((rule: { ports: Array<{ port: number }> }) => ({ app: spec.podSelector.matchLabels?.app, ports: rule.ports.map(({ port }) => port) })));
    t.deepEqual(open, [{ app: 'edge', ports: [8080, 8443] }]);
  });
}

for (const place of [LAB, MINIMAL]) {
  test(`${place.name}: the policy of the mesh names the stores by the Services that the overlay has, and services look for them there`, async (t) => {
    const manifests = await rendered(place.name as (typeof OVERLAYS)[number]);
    const known = Object.values(place.stores).flat();
    const there = manifests.filter(({ kind }) => kind === 'Service').flatMap(({ metadata, spec }) => (spec.ports as { port: number }[]).map(({ port }) => `${metadata.name}.${metadata.namespace}:${port}`));
    t.deepEqual(known.map(({ name, namespace, port }) => `${name}.${namespace}:${port}`).filter((one) => !there.includes(one)), []);
    const addresses = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('addresses'))! as Manifest & { data: Record<string, string> };
    const urls = addresses.data.NATS_URL!.split(',').map((url) => new URL(url).hostname);
    t.deepEqual(urls.filter((url) => !known.some(({ host }) => url === host || url.endsWith(`.${host}`))), []);
  });
}

type Peer = { ipBlock?: { cidr: string }; podSelector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown } };

function ours(manifests: readonly Manifest[]): Pod[] {
  return podsOf(manifests).filter(({ namespace }) => namespace === 'chunyun');
}

function policiesOf(manifests: readonly Manifest[]): Manifest[] {
  return manifests.filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'chunyun');
}

function portsOut(manifests: readonly Manifest[], pod: Pod, counts: (peer: Peer) => boolean): Set<number> {
  const rules = policiesOf(manifests).filter(({ spec }) => selects(spec.podSelector, pod.labels)).flatMap(({ spec }) => spec.egress ?? []) as Array<{ to?: Peer[]; ports?: Array<{ port: number }> }>;
  return new Set(rules.filter(({ to = [] }) => to.some(counts)).flatMap(({ ports = [] }) => ports.map(({ port }) => port)));
}
