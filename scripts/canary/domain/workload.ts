import { CANARY, canaryName, CONTAINER, STABLE, TRACK, type Container, type Deployment, type DestinationRule, type Subset } from './objects.ts';

/** A copy of the stable Deployment with the other image, under its own name and label; what the cluster or its tools noted on the original stays behind. */
export function canaryDeployment(stable: Deployment, service: string, { image, replicas, run_id, env }: { image: string; replicas: number; run_id: string; env: Readonly<Record<string, string>> }): Deployment {
  const { selector, template, ...spec } = stable.spec;
  const labels = { ...template.metadata?.labels, [TRACK]: CANARY };
  return {
    apiVersion: stable.apiVersion,
    kind: stable.kind,
    metadata: { name: canaryName(service), namespace: stable.metadata.namespace, labels: { ...stable.metadata.labels, [TRACK]: CANARY }, annotations: { [RUN_ANNOTATION]: run_id } },
    spec: {
      ...spec,
      replicas,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [TRACK]: CANARY } },
      template: { ...template, metadata: { ...template.metadata, labels }, spec: withEnv(withImage(template.spec, imageOf(stable)!, image), env) },
    },
  };
}

export const RUN_ANNOTATION = 'chunyun.rail/canary-run';

/** The image of the service's container. */
export function imageOf(deployment: Deployment): string | undefined {
  return deployment.spec.template.spec.containers.find(({ name }) => name === CONTAINER)?.image;
}

/** Every container with the old image gets the new one: those that prepare a pod are of the same version. */
export function withImage<T extends Deployment['spec']['template']['spec']>(spec: T, from: string, to: string): T {
  const changed = (container: Container): Container => (container.image === from ? { ...container, image: to } : container);
  return { ...spec, containers: spec.containers.map(changed), ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(changed) }) };
}

/** Why the stable Deployment can't have a canary beside it; undefined when it can. */
export function whyNotCopied(stable: Deployment, service_selector: Readonly<Record<string, string>>): string | undefined {
  const labels = stable.spec.selector.matchLabels ?? {};
  if (imageOf(stable) === undefined) return `its pods have no container "${CONTAINER}"`;
  if (labels[TRACK] !== STABLE) return `its selector lacks ${TRACK}: ${STABLE}, so it would take the canary's pods for its own`;
  if (TRACK in service_selector) return `its Service selects by ${TRACK}, so no request would reach the canary`;
  return undefined;
}

/** All pods are of the present template and ready. */
export function isRolledOut({ metadata, spec, status }: Deployment): boolean {
  const replicas = spec.replicas ?? 1;
  const seen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return seen && (status?.updatedReplicas ?? 0) >= replicas && (status?.readyReplicas ?? 0) >= replicas && (status?.replicas ?? 0) === (status?.updatedReplicas ?? 0) && (status?.unavailableReplicas ?? 0) === 0;
}

export function readyOf(deployment: Deployment | undefined): number {
  return deployment?.status?.readyReplicas ?? 0;
}

/** The subsets with the canary's, whose policy is that of the stable one; or without it. */
export function withSubset({ spec }: DestinationRule, present: boolean): Subset[] {
  const others = (spec.subsets ?? []).filter(({ name }) => name !== CANARY);
  const stable = others.find(({ name }) => name === STABLE);
  if (!present || stable === undefined) return others;
  return [...others, { ...stable, name: CANARY, labels: { ...stable.labels, [TRACK]: CANARY } }];
}

function withEnv(spec: Deployment['spec']['template']['spec'], env: Readonly<Record<string, string>>): typeof spec {
  const added = Object.entries(env).map(([name, value]) => ({ name, value }));
  if (added.length === 0) return spec;
  return { ...spec, containers: spec.containers.map((one) => (one.name === CONTAINER ? { ...one, env: [...(one.env ?? []).filter(({ name }) => !(name in env)), ...added] } : one)) };
}
