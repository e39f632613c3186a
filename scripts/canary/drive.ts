import { NO_SHARE } from './domain/routes.ts';
import { CANARY, canaryName, TRACK, type Deployment, type DestinationRule, type KubeObject, type Service } from './domain/objects.ts';
import type { Words } from './domain/judge.ts';
import { isOver, type CanaryState, type Phase } from './domain/state.ts';
import { canaryDeployment, imageOf, isRolledOut, readyOf, RUN_ANNOTATION, whyNotCopied, withImage, withSubset } from './domain/workload.ts';
import { change, createOwn, goBack, stamp, type Hand } from './hand.ts';
import { ClusterError } from './ports.ts';
import { freezeNow, giveShare, haveSubset, shift, shareOf } from './shift.ts';
import { Watch } from './watch.ts';

/** How long the cluster may refuse to answer before the command ends; the canary can be resumed. */
const GIVE_UP_MS = 300_000;
/** Phases in which a wish to go back, or a freeze, turns it around. From `returning` on all traffic is on its way to the stable version anyway. */
const ONWARD: readonly Phase[] = ['deploying', 'announcing', 'shifting', 'promoting'];

/**
 * Drives a canary to its end, one look at a time: each look reads what is there and does what is missing, so it does not matter where a
 * command before was ended. Throws `Lost` when another command has taken over, `Interrupted` when told to end.
 */
export async function drive(hand: Hand): Promise<CanaryState> {
  const { keeper, now_ms, sleep, poll_ms, tell } = hand;
  const looks = looksOf(hand);
  let well_ms = now_ms();
  while (!isOver(keeper.state)) {
    try {
      const { abort, phase } = keeper.state;
      if (abort !== undefined && ONWARD.includes(phase)) await goBack(hand, abort);
      else if ((await looks[keeper.state.phase]()) === 'wait') await sleep(poll_ms);
      well_ms = now_ms();
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      tell({ en: `the cluster: ${error.message}`, zh: `集群：${error.message}` });
      if (now_ms() - well_ms > GIVE_UP_MS) throw error;
      await sleep(poll_ms);
      await keeper.beat().catch((cause: unknown) => (cause instanceof ClusterError ? undefined : Promise.reject(cause)));
    }
  }
  return keeper.state;
}

/** A process of inventory that shares Redis with another version must find its buckets open, or not start (services/inventory/app/buckets.ts). */
const BESIDE = { INVENTORY_BESIDE: 'true' };

type Look = () => Promise<'wait' | 'moved'>;

function looksOf(hand: Hand): Record<Phase, Look> {
  const watching = { watch: new Watch(), step: -1, seen_ms: 0, begin_ms: 0 };
  const over: Look = async () => 'moved';
  return {
    deploying: () => deploy(hand),
    announcing: () => announce(hand),
    shifting: () => shift(hand, watching),
    promoting: () => promote(hand),
    restoring: () => restore(hand),
    returning: () => comeBack(hand),
    removing: () => clearAway(hand),
    promoted: over,
    rolled_back: over,
  };
}

async function deploy(hand: Hand): Promise<'wait' | 'moved'> {
  const { cluster, keeper, now_ms, tell } = hand;
  const { service, image, replicas, run_id, limits, bucket_count, phase_begin_ms } = keeper.state;
  const frozen = await freezeNow(hand);
  if (frozen !== undefined) return back(hand, frozen);
  const canary = await cluster.get<Deployment>('Deployment', canaryName(service));
  if (canary !== undefined && canary.metadata.annotations?.[RUN_ANNOTATION] !== run_id) {
    // Of a canary whose command ended between two writes: its run is over.
    await keeper.beat();
    await cluster.remove(canary);
    return 'wait';
  }
  if (canary === undefined) {
    const [stable, service_object] = [await cluster.get<Deployment>('Deployment', service), await cluster.get<Service>('Service', service)];
    const why = stable === undefined ? 'the Deployment is gone' : whyNotCopied(stable, service_object?.spec.selector ?? {});
    if (why !== undefined) return back(hand, { en: why, zh: why });
    await createOwn(hand, canaryDeployment(stable!, service, { image, replicas, run_id, env: bucket_count === undefined ? {} : BESIDE }));
    tell({ en: `created Deployment ${canaryName(service)} with ${image}`, zh: `已创建 Deployment ${canaryName(service)}，镜像 ${image}` });
    return 'moved';
  }
  if (isRolledOut(canary)) return move(hand, 'announcing', { en: `${readyOf(canary)} pods of the canary are ready`, zh: `金丝雀的 ${readyOf(canary)} 个实例已就绪` });
  const ready = `${readyOf(canary)}/${replicas}`;
  const why = await whyNotReady(hand);
  if (now_ms() - phase_begin_ms > limits.ready_within_ms) return back(hand, { en: `the canary was not ready in time (${ready} pods${why})`, zh: `金丝雀未能及时就绪（${ready} 个实例${why}）` });
  return wait(hand, { en: `waiting for the canary's pods: ${ready} ready${why}`, zh: `等待金丝雀就绪：${ready}${why}` });
}

async function announce(hand: Hand): Promise<'wait' | 'moved'> {
  const { cluster, keeper, proxies, now_ms } = hand;
  const { service, limits, phase_begin_ms } = keeper.state;
  if (!(await haveSubset(hand))) return back(hand, { en: 'the DestinationRule is gone', zh: 'DestinationRule 不存在' });
  if (readyOf(await cluster.get<Deployment>('Deployment', canaryName(service))) === 0) return back(hand, { en: 'no pod of the canary is ready any more', zh: '金丝雀已没有就绪的实例' });
  const views = await proxies.views(service);
  const unaware = views.filter(({ canary_endpoints }) => canary_endpoints === 0).map(({ pod }) => pod);
  if (views.length > 0 && unaware.length === 0) return move(hand, 'shifting', { en: `all ${views.length} sidecars of callers know the subset ${CANARY}`, zh: `全部 ${views.length} 个调用方边车已知子集 ${CANARY}` });
  const lacking: Words = views.length === 0
    ? { en: `no sidecar knows the service ${service}`, zh: `没有边车知道服务 ${service}` }
    : { en: `sidecars that do not know the subset yet: ${unaware.join(', ')}`, zh: `尚不知道该子集的边车：${unaware.join('、')}` };
  return now_ms() - phase_begin_ms > limits.known_within_ms ? back(hand, lacking) : wait(hand, lacking);
}

async function promote(hand: Hand): Promise<'wait' | 'moved'> {
  const { cluster, keeper, now_ms } = hand;
  const { service, image, old_image, limits, phase_begin_ms } = keeper.state;
  // Whoever edited the routes meanwhile: the stable pods are replaced only while the traffic is with the canary.
  if (!(await haveSubset(hand)) || !(await giveShare(hand, shareOf(keeper.state)))) return back(hand, { en: 'the VirtualService or DestinationRule is gone', zh: 'VirtualService 或 DestinationRule 不存在' });
  if (readyOf(await cluster.get<Deployment>('Deployment', canaryName(service))) === 0) return back(hand, { en: 'no pod of the canary is ready any more', zh: '金丝雀已没有就绪的实例' });
  const stable = await setImage(hand, old_image, image);
  if (stable === undefined) return back(hand, { en: 'the stable Deployment is gone', zh: '稳定版 Deployment 不存在' });
  if (isRolledOut(stable)) return move(hand, 'returning', { en: `${service} runs ${image}; the traffic goes back to it`, zh: `${service} 已运行 ${image}，流量切回` });
  const ready = `${readyOf(stable)}/${stable.spec.replicas ?? 1}`;
  if (now_ms() - phase_begin_ms > limits.rollout_within_ms) return back(hand, { en: `the rollout of ${service} was not through in time (${ready} ready)`, zh: `${service} 的滚动更新未能及时完成（${ready} 就绪）` });
  return wait(hand, { en: `rolling out ${image} to ${service}: ${ready} ready`, zh: `正在把 ${image} 滚动更新到 ${service}：${ready} 就绪` });
}

async function restore(hand: Hand): Promise<'wait' | 'moved'> {
  const { service, image, old_image } = hand.keeper.state;
  const stable = await setImage(hand, image, old_image);
  const canary_ready = readyOf(await hand.cluster.get<Deployment>('Deployment', canaryName(service)));
  // While the canary serves, nothing is lost by waiting for the last pod; when it does not, any pod of the stable version is better.
  if (stable === undefined || isRolledOut(stable) || canary_ready === 0) return move(hand, 'returning', { en: `${service} runs ${old_image} again`, zh: `${service} 已恢复为 ${old_image}` });
  return wait(hand, { en: `${service} goes back to ${old_image}: ${readyOf(stable)}/${stable.spec.replicas ?? 1} ready`, zh: `${service} 正在恢复为 ${old_image}：${readyOf(stable)}/${stable.spec.replicas ?? 1} 就绪` });
}

async function comeBack(hand: Hand): Promise<'wait' | 'moved'> {
  const { keeper, proxies } = hand;
  await giveShare(hand, NO_SHARE);
  const leading = (await proxies.views(keeper.state.service)).filter(({ leads_to_canary }) => leads_to_canary).map(({ pod }) => pod);
  if (leading.length === 0) return move(hand, 'removing', { en: 'no sidecar sends anything to the canary any more', zh: '所有边车均已停止向金丝雀发送请求' });
  return wait(hand, { en: `all traffic is to go to stable; still with the old routes: ${leading.join(', ')}`, zh: `流量应全部回到稳定版；仍是旧路由的边车：${leading.join('、')}` });
}

/** The pods before the subset: a proxy that loses a cluster cuts what is still running in it, a pod that is told to end finishes it. */
async function clearAway(hand: Hand): Promise<'wait' | 'moved'> {
  const { cluster, keeper, now_ms, tell } = hand;
  const { service, reason, image } = keeper.state;
  const canary = await cluster.get<Deployment>('Deployment', canaryName(service));
  if (canary !== undefined) {
    await keeper.beat();
    await cluster.remove(canary);
    return 'moved';
  }
  const pods = await cluster.list('Pod', { app: service, [TRACK]: CANARY });
  if (pods.length > 0) return wait(hand, { en: `${pods.length} pods of the canary finish what they have begun`, zh: `金丝雀的 ${pods.length} 个实例正在处理完剩余请求` });
  await change<DestinationRule>(hand, 'DestinationRule', service, (read) => (read.spec.subsets?.some(({ name }) => name === CANARY) === true ? { spec: { subsets: withSubset(read, false) } } : undefined));
  await stamp(hand, null);
  await keeper.save({ phase: reason === undefined ? 'promoted' : 'rolled_back', phase_begin_ms: now_ms(), holder: undefined });
  tell(reason === undefined ? { en: `PROMOTED: ${service} runs ${image}`, zh: `已晋升：${service} 运行 ${image}` } : { en: `ROLLED BACK: ${reason.en}`, zh: `已回滚：${reason.zh}` });
  return 'moved';
}

async function setImage(hand: Hand, from: string, to: string): Promise<Deployment | undefined> {
  return change<Deployment>(hand, 'Deployment', hand.keeper.state.service, (read) => {
    if (imageOf(read) !== from) return undefined;
    // A merge patch replaces lists whole, so both are sent as they were read but for the image.
    const { containers, initContainers } = withImage(read.spec.template.spec, from, to);
    return { spec: { template: { spec: { containers, ...(initContainers === undefined ? {} : { initContainers }) } } } };
  });
}

type Waiting = KubeObject & { status?: { containerStatuses?: Status[]; initContainerStatuses?: Status[]; conditions?: { type: string; status: string; message?: string }[] } };
type Status = { name: string; restartCount?: number; state?: { waiting?: { reason?: string; message?: string }; terminated?: { reason?: string; exitCode?: number } } };

/** The cluster's own words on pods that do not become ready. */
async function whyNotReady({ cluster, keeper }: Hand): Promise<string> {
  const pods = await cluster.list<Waiting>('Pod', { app: keeper.state.service, [TRACK]: CANARY });
  const reasons = pods.flatMap(({ status }) => [
    ...(status?.conditions ?? []).filter(({ type, status: holds }) => type === 'PodScheduled' && holds === 'False').map(({ message }) => message ?? 'not scheduled'),
    ...[...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].flatMap(({ name, state, restartCount }) => {
      const reason = state?.waiting?.reason ?? (state?.terminated === undefined || state.terminated.exitCode === 0 ? undefined : `${state.terminated.reason} ${state.terminated.exitCode}`);
      return reason === undefined || reason === 'PodInitializing' ? [] : [`${name}: ${reason}${restartCount ? `, ${restartCount} restarts` : ''}`];
    }),
  ]);
  return reasons.length === 0 ? '' : `; ${[...new Set(reasons)].slice(0, 4).join('; ')}`;
}

async function wait({ keeper, tell }: Hand, what: Words): Promise<'wait'> {
  tell(what);
  await keeper.beat();
  return 'wait';
}

async function move({ keeper, now_ms, tell }: Hand, phase: Phase, what: Words): Promise<'moved'> {
  tell(what);
  await keeper.save({ phase, phase_begin_ms: now_ms() });
  return 'moved';
}

async function back(hand: Hand, reason: Words): Promise<'moved'> {
  await goBack(hand, reason);
  return 'moved';
}
