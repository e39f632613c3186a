import { isOver, readState, writeState, type CanaryState } from './domain/state.ts';
import type { Words } from './domain/judge.ts';
import type { KubeObject } from './domain/objects.ts';
import { ClusterError, Lost, type Cluster } from './ports.ts';

type ConfigMap = KubeObject & { data?: Record<string, string> };
export type Kept = { state: CanaryState; object: ConfigMap };

/** A write that others overtake again and again is given up. */
const TRIES = 10;

/** The state of the service's last canary, under way or over. */
export async function load(cluster: Cluster, service: string): Promise<Kept | undefined> {
  const object = await cluster.get<ConfigMap>('ConfigMap', nameOf(service));
  if (object === undefined) return undefined;
  const state = readState(object.data?.state ?? '');
  if (state === undefined) throw new ClusterError(`the ConfigMap ${nameOf(service)} holds no state of a canary that this version can read; look at it, and delete it when no canary is under way`);
  return { state, object };
}

/** Writes the first state of a canary; undefined when somebody else was quicker. */
export async function begin(cluster: Cluster, state: CanaryState, former: Kept | undefined): Promise<Kept | undefined> {
  if (former !== undefined && !isOver(former.state)) return undefined;
  const data = { state: writeState(state) };
  const name = nameOf(state.service);
  const written = former === undefined
    ? await cluster.create<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { 'app.kubernetes.io/part-of': 'chunyun' } }, data })
    : await cluster.patch<ConfigMap>(former.object, { data });
  return typeof written === 'string' ? undefined : { state, object: written };
}

/** Leaves a wish to go back for whoever drives it. False when it is over by now. */
export async function wishAbort(cluster: Cluster, service: string, abort: Words): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const kept = await load(cluster, service);
    if (kept === undefined || isOver(kept.state)) return false;
    if ((await cluster.patch(kept.object, { data: { state: writeState({ ...kept.state, abort }) } })) !== 'CONFLICT') return true;
  }
  throw new ClusterError(`${nameOf(service)} was changed by others ${TRIES} times while it was written`);
}

/**
 * The state in the hands of one command. Each write is a compare-and-set, so of two commands one finds itself `Lost`; a wish that another
 * command wrote meanwhile is taken over.
 */
export class Keeper {
  readonly #cluster: Cluster;
  #kept: Kept;

  private constructor(cluster: Cluster, kept: Kept) {
    this.#cluster = cluster;
    this.#kept = kept;
  }

  /** Becomes the holder, unless the state has changed since it was read. */
  static async take(cluster: Cluster, kept: Kept, holder: string): Promise<Keeper | undefined> {
    const state = { ...kept.state, holder, beat: kept.state.beat + 1 };
    const object = await cluster.patch(kept.object, { data: { state: writeState(state) } });
    return object === 'CONFLICT' ? undefined : new Keeper(cluster, { state, object });
  }

  get state(): CanaryState {
    return this.#kept.state;
  }

  /** A sign of life, and the proof that we are the holder still. */
  beat(): Promise<void> {
    return this.save({});
  }

  async save(change: Partial<CanaryState>): Promise<void> {
    const { holder } = this.#kept.state;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const state = { ...this.#kept.state, ...change, beat: this.#kept.state.beat + 1 };
      const object = await this.#cluster.patch(this.#kept.object, { data: { state: writeState(state) } });
      if (object !== 'CONFLICT') {
        this.#kept = { state, object };
        return;
      }
      const now = await load(this.#cluster, state.service);
      if (now === undefined || now.state.run_id !== state.run_id || now.state.holder !== holder) throw new Lost('another command drives this canary now');
      // Our own write whose answer was lost, or a wish: what it says besides is what we wrote.
      this.#kept = now;
    }
    throw new ClusterError(`${nameOf(this.state.service)} was changed by others ${TRIES} times while it was written`);
  }
}

function nameOf(service: string): string {
  return `canary-${service}`;
}
