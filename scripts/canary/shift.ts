import { comparedWith, decide, type Observation } from './domain/advance.ts';
import { bucketSet } from './domain/buckets.ts';
import { freezeAt } from './domain/freeze.ts';
import type { Words } from './domain/judge.ts';
import { CANARY, canaryName, type Deployment, type DestinationRule, type KubeObject, type VirtualService } from './domain/objects.ts';
import { hostOf, withShare, type Share } from './domain/routes.ts';
import { add, quantile_ms, type Sample } from './domain/sample.ts';
import type { CanaryState } from './domain/state.ts';
import { readyOf, withSubset } from './domain/workload.ts';
import { change, goBack, type Hand } from './hand.ts';
import { ClusterError } from './ports.ts';
import { Watch } from './watch.ts';

/** What this command has seen of the present step; one that resumes begins the step's watch anew. */
export type Watching = { watch: Watch; step: number; begin_ms: number; seen_ms: number };

/** One look during the steps: gives the step its share, reads what came of it, and decides. */
export async function shift(hand: Hand, watching: Watching): Promise<'wait' | 'moved'> {
  const { cluster, keeper, now_ms, tell } = hand;
  const { service, step, steps, limits, reference } = keeper.state;
  if (watching.step !== step) Object.assign(watching, { watch: new Watch(), step, begin_ms: now_ms(), seen_ms: now_ms() });
  if (readyOf(await cluster.get<Deployment>('Deployment', canaryName(service))) === 0) return back(hand, { en: 'no pod of the canary is ready', zh: '金丝雀没有就绪的实例' });
  // The first reading is of before the share is given, so that its very first failures count; without one nothing is given.
  await readCounters(hand, watching);
  if (!(await haveSubset(hand)) || (watching.watch.begun && !(await giveShare(hand, shareOf(keeper.state))))) return back(hand, { en: 'the VirtualService or DestinationRule is gone', zh: 'VirtualService 或 DestinationRule 不存在' });

  const seen = await observe(hand, watching);
  const decision = decide(seen, limits);
  tell(lineOf(keeper.state, seen, decision.kind === 'wait' ? decision.for : undefined));
  if (decision.kind === 'roll_back') return back(hand, decision.why);
  if (decision.kind === 'wait') {
    await keeper.beat();
    return 'wait';
  }
  const last = step + 1 === steps.length;
  await keeper.save({ reference: add(reference, seen.stable), phase_begin_ms: now_ms(), ...(last ? { phase: 'promoting' } : { step: step + 1 }) });
  return 'moved';
}

/** What a step gives to the canary. */
export function shareOf({ steps, step, only, bucket_count }: CanaryState): Share {
  const percent = steps[step]!;
  // Two versions never share a bucket: whole buckets go over, and with the last of them what names none.
  const by_bucket = bucket_count !== undefined && percent < 100;
  return { only, percent: by_bucket ? 0 : percent, buckets: by_bucket ? bucketSet(bucket_count, percent) : [] };
}

/** Sees to it that the subset is there, whoever wrote the rule meanwhile: requests to one that is missing fail. False without a rule. */
export async function haveSubset(hand: Hand): Promise<boolean> {
  const rule = await change<DestinationRule>(hand, 'DestinationRule', hand.keeper.state.service, (read) => (read.spec.subsets?.some(({ name }) => name === CANARY) === true ? undefined : { spec: { subsets: withSubset(read, true) } }));
  return rule !== undefined;
}

/** Brings the routes to this share; false when there are none any more. */
export async function giveShare(hand: Hand, share: Share): Promise<boolean> {
  const { service } = hand.keeper.state;
  const written = await change<VirtualService>(hand, 'VirtualService', service, (read) => {
    const routes = read.spec.http ?? [];
    const wanted = withShare(routes, hostOf(read, service), share);
    return JSON.stringify(wanted) === JSON.stringify(routes) ? undefined : { spec: { http: wanted } };
  });
  return written !== undefined;
}

/** Why nothing may be changed now, unless an emergency was declared at the start. */
export async function freezeNow({ cluster, keeper, now_ms }: Hand): Promise<Words | undefined> {
  if (keeper.state.override_freeze !== undefined) return undefined;
  const object = await cluster.get<KubeObject & { data?: Record<string, string> }>('ConfigMap', FREEZES);
  return freezeAt(object?.data ?? {}, now_ms());
}

/** The ConfigMap in which the platform team declares freezes. */
export const FREEZES = 'change-freeze';

/** Numbers that can't be read are no reason to stop at once: how long that lasts is part of what is seen. */
async function readCounters({ proxies, keeper, now_ms, tell }: Hand, watching: Watching): Promise<void> {
  try {
    watching.watch.note(await proxies.counters(keeper.state.service));
    watching.seen_ms = now_ms();
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    tell({ en: `the numbers can't be read: ${error.message}`, zh: `无法读取统计：${error.message}` });
  }
}

async function observe(hand: Hand, { watch, begin_ms, seen_ms }: Watching): Promise<Observation> {
  const { cluster, keeper, now_ms } = hand;
  const { service, steps, step, only, reference } = keeper.state;
  const [canary, stable, freeze] = await Promise.all([cluster.get<Deployment>('Deployment', canaryName(service)), cluster.get<Deployment>('Deployment', service), freezeNow(hand)]);
  return {
    percent: steps[step]!,
    reachable: steps[step]! > 0 || only.length > 0,
    since_begin_ms: now_ms() - begin_ms,
    blind_ms: now_ms() - seen_ms,
    canary: watch.canary,
    stable: watch.stable,
    reference,
    canary_ready: readyOf(canary),
    stable_ready: readyOf(stable),
    freeze,
  };
}

function lineOf({ steps, step, bucket_count, limits }: CanaryState, seen: Observation, waiting: Words | undefined): Words {
  const stable = comparedWith(seen, limits);
  const share = bucket_count === undefined || steps[step] === 100 ? '' : ` = ${bucketSet(bucket_count, steps[step]!).length}/${bucket_count}`;
  const numbers = (one: Sample, en: boolean) => `${one.requests} ${en ? 'requests' : '请求'}, ${one.errors} ${en ? 'errors' : '错误'}, p95 ${shown(quantile_ms(one, 0.95))}, p99 ${shown(quantile_ms(one, 0.99))}`;
  return {
    en: `${steps[step]} %${share === '' ? '' : `${share} buckets`} · canary ${numbers(seen.canary, true)} · stable ${numbers(stable, true)} · ${waiting?.en ?? 'through'}`,
    zh: `${steps[step]} %${share === '' ? '' : `${share} 分桶`} · 金丝雀 ${numbers(seen.canary, false)} · 稳定版 ${numbers(stable, false)} · ${waiting?.zh ?? '通过'}`,
  };
}

function shown(ms: number | undefined): string {
  return ms === undefined ? '–' : `≤${ms} ms`;
}

async function back(hand: Hand, reason: Words): Promise<'moved'> {
  await goBack(hand, reason);
  return 'moved';
}
