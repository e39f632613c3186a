import type { Kind, KubeObject } from './domain/objects.ts';
import { RUN_ANNOTATION } from './domain/workload.ts';
import type { Words } from './domain/judge.ts';
import { isOver } from './domain/state.ts';
import { load, type Keeper } from './keeper.ts';
import { ClusterError, Lost, type Cluster, type Proxies, type Tell } from './ports.ts';

/** Everything that driving a canary needs. */
export type Hand = {
  cluster: Cluster;
  proxies: Proxies;
  keeper: Keeper;
  now_ms: () => number;
  /** Throws `Interrupted` when the command is told to end. */
  sleep: (ms: number) => Promise<void>;
  poll_ms: number;
  tell: Tell;
};

/** Names the command that may write the object; a new one under it makes every write that an earlier holder has begun fail. */
export const HOLDER_ANNOTATION = 'chunyun.rail/canary-holder';
const TRIES = 10;

/**
 * Reads an object, proves that we are the holder still, and writes what differs, unless it was changed since it was read; then again.
 * So a holder that was replaced between any two of these steps writes nothing: its successor has stamped the object. Undefined: no such object.
 */
export async function change<T extends KubeObject>({ cluster, keeper }: Pick<Hand, 'cluster' | 'keeper'>, kind: Kind, name: string, patchOf: (read: T) => object | undefined): Promise<T | undefined> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const read = await cluster.get<T>(kind, name);
    const patch = read === undefined ? undefined : patchOf(read);
    if (read === undefined || patch === undefined) return read;
    await keeper.beat();
    const written = await cluster.patch(read, patch);
    if (written !== 'CONFLICT') return written;
  }
  throw new ClusterError(`${kind} ${name} was changed by others ${TRIES} times while it was written`);
}

/** The objects that exist before the canary: written first by every new holder, last when all is over. */
export async function stamp(hand: Pick<Hand, 'cluster' | 'keeper'>, holder: string | null): Promise<void> {
  const { service } = hand.keeper.state;
  for (const kind of ['VirtualService', 'DestinationRule', 'Deployment'] as const) {
    await change(hand, kind, service, ({ metadata }) => ((metadata.annotations?.[HOLDER_ANNOTATION] ?? null) === holder ? undefined : { metadata: { annotations: { [HOLDER_ANNOTATION]: holder } } }));
  }
}

/** A name alone can't be guarded by a version: when we find out, after creating it, that another command took over and is through already, it is removed. */
export async function createOwn<T extends KubeObject>({ cluster, keeper }: Hand, object: T): Promise<void> {
  await keeper.beat();
  const created = await cluster.create(object);
  if (created === 'EXISTS') return;
  try {
    await keeper.beat();
  } catch (error) {
    if (!(error instanceof Lost)) throw error;
    const now = await load(cluster, keeper.state.service);
    const theirs = now !== undefined && now.state.run_id === object.metadata.annotations?.[RUN_ANNOTATION] && !isOver(now.state);
    if (!theirs) await cluster.remove(created);
    throw error;
  }
}

/** From here on it goes back. The image of the stable version is put back first where it was touched. */
export async function goBack({ keeper, now_ms, tell }: Hand, reason: Words): Promise<void> {
  tell({ en: `ROLLING BACK: ${reason.en}`, zh: `回滚：${reason.zh}` });
  await keeper.save({ phase: keeper.state.phase === 'promoting' ? 'restoring' : 'returning', phase_begin_ms: now_ms(), reason });
}
