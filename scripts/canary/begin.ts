import { SERVICE_NAMES } from '../stack/services.ts';
import { Told, words } from '../say.ts';
import { freezeAt } from './domain/freeze.ts';
import { BLUE_GREEN, LIMITS, STEPS, type Limits } from './domain/limits.ts';
import type { Words } from './domain/judge.ts';
import { canaryName, CONTAINER, STABLE, type Deployment, type DestinationRule, type KubeObject, type Service, type VirtualService } from './domain/objects.ts';
import type { Only } from './domain/only.ts';
import { canaryWeight, hostOf, whyNotShiftable } from './domain/routes.ts';
import { NOTHING } from './domain/sample.ts';
import { isOver, type CanaryState } from './domain/state.ts';
import { imageOf, isRolledOut, RUN_ANNOTATION, whyNotCopied } from './domain/workload.ts';
import { begin, load, type Kept } from './keeper.ts';
import type { Cluster } from './ports.ts';
import { FREEZES } from './shift.ts';

export type Wish = {
  service: string;
  image: string;
  replicas?: number;
  only: readonly Only[];
  blue_green: boolean;
  override_freeze?: string;
  bucket_count?: number;
  limits?: Partial<Limits>;
  steps?: readonly number[];
};

/** The service whose canary gets buckets, not a share (docs/adr/0039). */
const BY_BUCKETS = 'inventory';
/** As the service's own configuration has it. */
const BUCKETS = { variable: 'INVENTORY_BUCKETS', usual: 64 };

/** A canary that may begin, not yet written. Throws `Told` with the reason when it may not. */
export async function plan(cluster: Cluster, wish: Wish, { run_id, now_ms }: { run_id: string; now_ms: number }): Promise<{ state: CanaryState; former: Kept | undefined }> {
  const { service, image } = wish;
  if (!isCanaryable(service)) throw refusal({ en: `there is no canary of "${service}"; services: ${SERVICE_NAMES.join(', ')}${service === 'edge' ? ' (the edge is in front of the mesh: roll it out by its Deployment)' : ''}`, zh: `"${service}" 不能做金丝雀；可选：${SERVICE_NAMES.join('、')}` });
  const frozen = freezeAt((await cluster.get<KubeObject & { data?: Record<string, string> }>('ConfigMap', FREEZES))?.data ?? {}, now_ms);
  if (frozen !== undefined && wish.override_freeze === undefined) throw refusal({ en: `changes are frozen: ${frozen.en}. In an emergency: --override-freeze REASON`, zh: `变更冻结中：${frozen.zh}。紧急情况：--override-freeze 原因` });
  const former = await load(cluster, service);
  if (former !== undefined && !isOver(former.state)) throw refusal({ en: `a canary of ${service} is under way (${former.state.image}, ${former.state.phase}): --status, --resume or --abort`, zh: `${service} 的金丝雀正在进行（${former.state.image}，${former.state.phase}）：请用 --status、--resume 或 --abort` });
  const stable = await checked(cluster, service, image);
  const by_buckets = service === BY_BUCKETS;
  return {
    former,
    state: {
      run_id, service, image,
      old_image: imageOf(stable)!,
      replicas: wish.replicas ?? stable.spec.replicas ?? 1,
      steps: [...(wish.steps ?? (wish.blue_green ? BLUE_GREEN : STEPS))],
      step: 0,
      only: [...wish.only],
      bucket_count: by_buckets ? (wish.bucket_count ?? (await bucketsOf(cluster, stable))) : undefined,
      limits: { ...LIMITS, ...wish.limits },
      phase: 'deploying',
      phase_begin_ms: now_ms,
      override_freeze: frozen === undefined ? undefined : wish.override_freeze,
      reference: NOTHING,
      beat: 0,
    },
  };
}

/** Writes it. Throws `Told` when another command was quicker. */
export async function write(cluster: Cluster, state: CanaryState, former: Kept | undefined): Promise<Kept> {
  const kept = await begin(cluster, state, former);
  if (kept === undefined) throw refusal({ en: `another command has just begun a canary of ${state.service}`, zh: `另一个命令刚刚开始了 ${state.service} 的金丝雀` });
  return kept;
}

export function refusal({ en, zh }: Words): Told {
  return new Told(en, zh);
}

export function isCanaryable(service: string): boolean {
  return SERVICE_NAMES.some((name) => name === service);
}

/** The stable Deployment, when it and what routes to it can carry a canary. */
async function checked(cluster: Cluster, service: string, image: string): Promise<Deployment> {
  const [stable, service_object, routes, rule, left] = [
    await cluster.get<Deployment>('Deployment', service),
    await cluster.get<Service>('Service', service),
    await cluster.get<VirtualService>('VirtualService', service),
    await cluster.get<DestinationRule>('DestinationRule', service),
    await cluster.get<Deployment>('Deployment', canaryName(service)),
  ];
  for (const [kind, object] of Object.entries({ Deployment: stable, Service: service_object, VirtualService: routes, DestinationRule: rule })) {
    if (object === undefined) throw refusal({ en: `there is no ${kind} ${service} in the namespace`, zh: `命名空间中没有 ${kind} ${service}` });
  }
  const why = whyNotCopied(stable!, service_object!.spec.selector ?? {})
    ?? whyNotShiftable(routes!.spec.http ?? [], hostOf(routes!, service))
    ?? (canaryWeight(routes!.spec.http ?? []) > 0 ? 'the VirtualService leads to a subset canary already' : undefined)
    ?? (rule!.spec.subsets?.some(({ name }) => name === STABLE) === true ? undefined : `the DestinationRule has no subset ${STABLE}`)
    ?? (left !== undefined && left.metadata.annotations?.[RUN_ANNOTATION] === undefined ? `there is a Deployment ${canaryName(service)} that this command did not make; remove it first` : undefined)
    ?? (imageOf(stable!) === image ? `${service} runs ${image} already` : undefined)
    ?? (isRolledOut(stable!) ? undefined : `${service} is not healthy: not all of its pods are up to date and ready`);
  if (why !== undefined) throw refusal({ en: `${service}: ${why}`, zh: `${service}：${why}` });
  return stable!;
}

/** How many buckets its processes have, from its environment or the ConfigMaps it is taken from. */
async function bucketsOf(cluster: Cluster, stable: Deployment): Promise<number> {
  const container = stable.spec.template.spec.containers.find(({ name }) => name === CONTAINER)!;
  const direct = container.env?.find(({ name }) => name === BUCKETS.variable)?.value;
  const sources = (container.envFrom ?? []) as { configMapRef?: { name: string } }[];
  const maps = await Promise.all(sources.flatMap(({ configMapRef }) => (configMapRef === undefined ? [] : [cluster.get<KubeObject & { data?: Record<string, string> }>('ConfigMap', configMapRef.name)])));
  const text = direct ?? maps.map((map) => map?.data?.[BUCKETS.variable]).findLast((value) => value !== undefined) ?? String(BUCKETS.usual);
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new Told(words(`${BUCKETS.variable} is no count: ${text}`, `${BUCKETS.variable} 不是数量：${text}`));
  return count;
}
