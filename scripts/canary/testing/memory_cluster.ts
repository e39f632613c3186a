import { canaryName, type Deployment, type Kind, type KubeObject, type VirtualService } from '../domain/objects.ts';
import { imageOf } from '../domain/workload.ts';
import type { Cluster } from '../ports.ts';

type Kept = { object: KubeObject; /** Of a Deployment: since when its pods are those of its template. */ ready_ms: number };

export type MemoryOptions = { service: string; objects: readonly KubeObject[]; /** How long pods of an image take to be ready; Infinity for never. */ start_ms: (image: string) => number; now_ms: () => number };

const POD_ENDS_MS = 3_000;

/** The API of a cluster and its controllers in memory: versions, conflicts, Deployments whose pods come and go with time. */
export class MemoryCluster implements Cluster {
  readonly #options: MemoryOptions;
  readonly #objects = new Map<string, Kept>();
  #canary_pods_until_ms = 0;
  #versions = 0;
  /** Every written VirtualService and DestinationRule with its time: what proxies learn, each in its own time. */
  readonly history: { time_ms: number; object: KubeObject }[] = [];
  /** What must never be. */
  readonly violations: string[] = [];

  constructor(options: MemoryOptions) {
    this.#options = options;
    for (const object of options.objects) this.#put(structuredClone(object), -1_000_000);
    for (const entry of this.history) entry.time_ms = -Infinity;
  }

  async get<T extends KubeObject>(kind: Kind, name: string): Promise<T | undefined> {
    return this.peek<T>(kind, name);
  }

  async list<T extends KubeObject>(kind: Kind): Promise<T[]> {
    const alive = this.peek('Deployment', canaryName(this.#options.service)) !== undefined || this.#options.now_ms() < this.#canary_pods_until_ms;
    return kind === 'Pod' && alive ? [{ apiVersion: 'v1', kind, metadata: { name: 'canary-pod' } } as T] : [];
  }

  async create<T extends KubeObject>(object: T): Promise<T | 'EXISTS'> {
    if (this.#objects.has(keyOf(object.kind, object.metadata.name))) return 'EXISTS';
    return this.#put(structuredClone(object), this.#startOf(object)) as T;
  }

  async patch<T extends KubeObject>(read: T, patch: object): Promise<T | 'CONFLICT'> {
    const kept = this.#objects.get(keyOf(read.kind, read.metadata.name));
    if (kept === undefined || kept.object.metadata.resourceVersion !== read.metadata.resourceVersion) return 'CONFLICT';
    const patched = merged(kept.object, patch) as KubeObject;
    const rolls = read.kind === 'Deployment' && JSON.stringify((patched as Deployment).spec.template) !== JSON.stringify((kept.object as Deployment).spec.template);
    return this.#put(patched, rolls ? this.#startOf(patched) : kept.ready_ms, rolls) as T;
  }

  async remove(read: KubeObject): Promise<void> {
    const key = keyOf(read.kind, read.metadata.name);
    if (this.#objects.get(key)?.object.metadata.uid !== read.metadata.uid) return;
    this.#objects.delete(key);
    if (read.metadata.name === canaryName(this.#options.service)) this.#canary_pods_until_ms = this.#options.now_ms() + POD_ENDS_MS;
  }

  /** As `get`, without being a call. */
  peek<T extends KubeObject>(kind: Kind, name: string): T | undefined {
    const kept = this.#objects.get(keyOf(kind, name));
    if (kept === undefined) return undefined;
    const object = structuredClone(kept.object) as T;
    return kind === 'Deployment' ? ({ ...object, status: this.#statusOf(kept) } as unknown as T) : object;
  }

  /** Whether a request to the canary finds a pod, one that is told to end but not gone included. */
  get canaryServes(): boolean {
    const kept = this.#objects.get(keyOf('Deployment', canaryName(this.#options.service)));
    return kept !== undefined && this.#options.now_ms() >= kept.ready_ms;
  }

  /** Pods break, or an operator edits something: from outside of the command. */
  breakPods(name: string): void {
    this.#objects.get(keyOf('Deployment', name))!.ready_ms = Infinity;
  }

  #put(object: KubeObject, ready_ms: number, rolls = false): KubeObject {
    const key = keyOf(object.kind, object.metadata.name);
    const before = this.#objects.get(key)?.object.metadata;
    this.#versions += 1;
    object.metadata = { ...object.metadata, uid: before?.uid ?? `uid-${this.#versions}`, resourceVersion: String(this.#versions), generation: (before?.generation ?? 1) + (rolls ? 1 : 0) };
    this.#objects.set(key, { object, ready_ms });
    if (object.kind === 'VirtualService' || object.kind === 'DestinationRule') this.history.push({ time_ms: this.#options.now_ms(), object: structuredClone(object) });
    if (object.kind === 'VirtualService') this.#checkWeights(object as VirtualService);
    return structuredClone(object);
  }

  #startOf(object: KubeObject): number {
    return object.kind === 'Deployment' ? this.#options.now_ms() + this.#options.start_ms(imageOf(object as Deployment)!) : 0;
  }

  /** A rolling update keeps the old pods until the new ones are ready; a new Deployment has none until then. */
  #statusOf({ object, ready_ms }: Kept): Deployment['status'] {
    const replicas = (object as Deployment).spec.replicas ?? 1;
    const done = this.#options.now_ms() >= ready_ms;
    const is_new = object.metadata.name === canaryName(this.#options.service);
    return { observedGeneration: object.metadata.generation, replicas, updatedReplicas: done ? replicas : is_new ? replicas : 0, readyReplicas: done || !is_new ? replicas : 0, unavailableReplicas: done ? 0 : 1 };
  }

  #checkWeights({ spec }: VirtualService): void {
    for (const { name, route } of spec.http ?? []) {
      const sum = (route ?? []).reduce((total, { weight }) => total + (weight ?? 100), 0);
      if (sum !== 100) this.violations.push(`the weights of ${name} sum up to ${sum}`);
    }
  }
}

function keyOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return structuredClone(patch);
  const result: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? structuredClone(target as Record<string, unknown>) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}
