import { randomUUID } from 'node:crypto';
import { Told } from '../say.ts';
import type { Words } from './domain/judge.ts';
import { isOver, type CanaryState } from './domain/state.ts';
import { refusal } from './begin.ts';
import { drive } from './drive.ts';
import { stamp, type Hand } from './hand.ts';
import { Keeper, load, wishAbort, type Kept } from './keeper.ts';
import { ClusterError, Interrupted, Lost, type Cluster } from './ports.ts';

/** What a command brings along besides the state. */
export type Tools = Omit<Hand, 'keeper'>;

/** A holder that gives no sign of life for so long is dead. Each look of a living one, slow calls included, is far shorter. */
const DEAD_AFTER_MS = 60_000;

/** Drives a canary that nobody drives. Returns its last state; when interrupted it lets go first, so that the next needn't wait. */
export async function take(tools: Tools, kept: Kept): Promise<CanaryState> {
  const keeper = await Keeper.take(tools.cluster, kept, randomUUID());
  if (keeper === undefined) throw new Lost('another command was quicker');
  const hand = { ...tools, keeper };
  try {
    await stamp(hand, keeper.state.holder!);
    return await drive(hand);
  } catch (error) {
    if (error instanceof Interrupted) await keeper.save({ holder: undefined }).catch(() => undefined);
    throw error;
  }
}

/** Goes on where a command ended. A holder that is alive keeps it: `Told`. */
export async function resume(tools: Tools, service: string): Promise<CanaryState> {
  const kept = await underWay(tools.cluster, service);
  const silent = await whenSilent(tools, kept);
  if (silent === 'ALIVE') throw refusal({ en: 'another command drives this canary and is alive', zh: '另一个命令正在控制该金丝雀' });
  return silent === 'OVER' ? (await load(tools.cluster, service))!.state : take(tools, silent);
}

/** Has it go back: by the command that drives it, when that one is alive, else by this one. */
export async function abort(tools: Tools, service: string, why: Words): Promise<CanaryState> {
  await underWay(tools.cluster, service);
  await wishAbort(tools.cluster, service, why);
  for (;;) {
    const kept = await load(tools.cluster, service);
    if (kept === undefined || isOver(kept.state)) return kept?.state ?? gone(service);
    const silent = await whenSilent(tools, kept);
    if (silent === 'OVER') continue;
    if (silent !== 'ALIVE') return take(tools, silent);
    tools.tell({ en: `the command that drives it is told; it is ${kept.state.phase}`, zh: `已通知正在控制它的命令；当前阶段 ${kept.state.phase}` });
    await tools.sleep(tools.poll_ms);
  }
}

async function underWay(cluster: Cluster, service: string): Promise<Kept> {
  const kept = await load(cluster, service);
  if (kept === undefined || isOver(kept.state)) throw refusal({ en: `no canary of ${service} is under way`, zh: `${service} 没有进行中的金丝雀` });
  return kept;
}

/** By our own clock alone: those of two machines need not agree. */
async function whenSilent({ cluster, now_ms, sleep, poll_ms, tell }: Tools, kept: Kept): Promise<Kept | 'ALIVE' | 'OVER'> {
  if (kept.state.holder === undefined) return kept;
  const begin_ms = now_ms();
  tell({ en: `looking for ${DEAD_AFTER_MS / 1000} s whether the command that drove it is alive`, zh: `观察 ${DEAD_AFTER_MS / 1000} 秒，判断原命令是否仍在运行` });
  for (;;) {
    await sleep(poll_ms);
    const now = await load(cluster, kept.state.service).catch((error: unknown) => (error instanceof ClusterError ? undefined : Promise.reject(error)));
    if (now === undefined) continue;
    if (isOver(now.state)) return 'OVER';
    if (now.state.holder === undefined) return now;
    if (now.state.beat !== kept.state.beat || now.state.holder !== kept.state.holder) return 'ALIVE';
    if (now_ms() - begin_ms >= DEAD_AFTER_MS) return now;
  }
}

function gone(service: string): never {
  throw new Told(`the state of the canary of ${service} is gone`, `${service} 的金丝雀状态已不存在`);
}
