import { seededRandom } from '#kit/base/random.ts';
import { CANARY, STABLE, type DestinationRule, type HttpRoute, type KubeObject, type VirtualService } from '../domain/objects.ts';
import type { Sample } from '../domain/sample.ts';
import type { Cluster, PodCounters, Proxies } from '../ports.ts';
import type { Tools } from '../command.ts';
import { MemoryCluster } from './memory_cluster.ts';
import { serviceObjects } from './objects.ts';

export type Behaviour = { /** Share of requests that fail. */ errors: number; /** Median; one in twenty takes four times as long. */ took_ms: number };
export type WorldOptions = { seed?: number; service?: string; old?: Behaviour; fresh?: Behaviour; start_ms?: (image: string) => number; requests_per_s?: number };

/** A command that was killed at this very moment: nothing of it runs any more. */
export class Killed extends Error {
  override name = 'Killed';
}

export const OLD = 'rail:v1';
export const FRESH = 'rail:v2';
const WELL: Behaviour = { errors: 0.0005, took_ms: 8 };
const SLICE_MS = 250;
/** How long each caller's sidecar takes to learn what was written; of subsets it may hear later than of routes that were written after them. */
const LEARNS_MS = [200, 900, 2_600];
const RULES_LATER_MS = 700;
const BOUNDS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500];

/** A service in a cluster in memory with three callers, requests all the time, and a clock that runs only while somebody waits. */
export class World {
  readonly cluster: MemoryCluster;
  readonly service: string;
  readonly told: string[] = [];
  /** Requests that users saw fail, and all of them. */
  failed = 0;
  served = 0;
  to_canary = 0;
  readonly #options: Required<WorldOptions>;
  readonly #random: ReturnType<typeof seededRandom>;
  readonly #counters = LEARNS_MS.map(() => ({ stable: newTally(), canary: newTally() }));
  #now_ms = 1_800_000_000_000;
  #carry = 0;

  constructor(options: WorldOptions = {}) {
    this.#options = { seed: 1, service: 'order', old: WELL, fresh: WELL, start_ms: () => 5_000, requests_per_s: 120, ...options };
    this.service = this.#options.service;
    this.#random = seededRandom(this.#options.seed);
    this.cluster = new MemoryCluster({ service: this.service, objects: serviceObjects(this.service, OLD), start_ms: this.#options.start_ms, now_ms: () => this.#now_ms });
  }

  get now_ms(): number {
    return this.#now_ms;
  }

  /** What a command is given. `at` is called before and after each call that it makes: it may throw `Killed`, or hold the command up. */
  tools(at: () => Promise<void> | void = () => {}): Tools {
    const around = async <T>(call: () => Promise<T>): Promise<T> => {
      await at();
      const answer = await call();
      await at();
      return answer;
    };
    const { cluster } = this;
    const guarded: Cluster = {
      get: (kind, name) => around(() => cluster.get(kind, name)),
      list: (kind) => around(() => cluster.list(kind)),
      create: (object) => around(() => cluster.create(object)),
      patch: (read, patch) => around(() => cluster.patch(read, patch)),
      remove: (read) => around(() => cluster.remove(read)),
    };
    const proxies: Proxies = { views: () => around(async () => this.#views()), counters: () => around(async () => this.#counters.map(({ stable, canary }, caller): PodCounters => ({ pod: podOf(caller), stable: sampleOf(stable), canary: sampleOf(canary) }))) };
    return {
      cluster: guarded, proxies, poll_ms: 2_000, now_ms: () => this.#now_ms,
      tell: ({ en }) => void this.told.push(en),
      sleep: (ms) => around(async () => this.pass(ms)),
    };
  }

  /** Lets time pass, with requests. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= SLICE_MS) {
      this.#now_ms += Math.min(SLICE_MS, left);
      this.#carry += (this.#options.requests_per_s * Math.min(SLICE_MS, left)) / 1000;
      for (; this.#carry >= 1; this.#carry -= 1) this.#request(Math.floor(this.#random.unit() * LEARNS_MS.length));
    }
  }

  /** Calls to the canary's own objects that are left; the routes and subsets as they are. */
  leftovers(): string[] {
    const found: string[] = [];
    if (this.cluster.peek('Deployment', `${this.service}-canary`) !== undefined) found.push('Deployment');
    for (const kind of ['VirtualService', 'DestinationRule', 'Deployment'] as const) {
      const object = this.cluster.peek<KubeObject>(kind, this.service)!;
      if (kind !== 'Deployment' && JSON.stringify(object.spec).includes(CANARY)) found.push(kind);
      if (Object.keys(object.metadata.annotations ?? {}).some((name) => name.includes('canary'))) found.push(`${kind}: annotation`);
    }
    return found;
  }

  #request(caller: number): void {
    const to = this.#routeOf(caller);
    this.served += 1;
    if (to === CANARY) {
      this.to_canary += 1;
      const knows = this.#known<DestinationRule>(caller, 'DestinationRule')!.spec.subsets!.some(({ name }) => name === CANARY);
      if (!knows) this.cluster.violations.push('a request was sent to a subset that its proxy does not know');
      if (!this.cluster.canaryServes) this.cluster.violations.push('a request was sent to a canary without a ready pod');
    }
    const { errors, took_ms } = to === CANARY ? this.#options.fresh : this.#options.old;
    const failed = this.#random.unit() < errors;
    this.failed += failed ? 1 : 0;
    const took = took_ms * (0.5 + this.#random.unit()) * (this.#random.unit() < 0.05 ? 4 : 1);
    const tally = this.#counters[caller]![to === CANARY ? 'canary' : 'stable'];
    tally.requests += 1;
    tally.errors += failed ? 1 : 0;
    BOUNDS.forEach((bound, at) => (tally.within[at]! += took <= bound ? 1 : 0));
  }

  #routeOf(caller: number): string {
    const { spec } = this.#known<VirtualService>(caller, 'VirtualService')!;
    // One request in a hundred is of the account 42; route keys are even; one in ten watches the queue.
    const [is_named, watches, key] = [this.#random.unit() < 0.01, this.#random.unit() < 0.1, String(Math.floor(this.#random.unit() * 64))];
    const route = spec.http!.find((one) => (one.match === undefined || one.match.some((match) => (match.uri === undefined || watches) && matchesHeaders(match.headers, { 'x-account-id': is_named ? '42' : '7', 'x-route-key': key }))))!;
    return pick(route, this.#random.unit() * 100);
  }

  /** What a caller's sidecar has learnt by now. */
  #known<T extends KubeObject>(caller: number, kind: string): T | undefined {
    return this.cluster.history.findLast(({ time_ms, object }) => object.kind === kind && time_ms <= this.#now_ms - LEARNS_MS[caller]! - (kind === 'DestinationRule' ? RULES_LATER_MS : 0))?.object as T | undefined;
  }

  #views() {
    return this.#counters.map((_, caller) => {
      const knows = JSON.stringify(this.#known(caller, 'DestinationRule')?.spec ?? {}).includes(`"${CANARY}"`);
      return { pod: podOf(caller), canary_endpoints: knows && this.cluster.canaryServes ? 1 : 0, leads_to_canary: JSON.stringify(this.#known(caller, 'VirtualService')?.spec ?? {}).includes(`"subset":"${CANARY}"`) };
    });
  }
}

function pick({ route }: HttpRoute, dice: number): string {
  let below = 0;
  for (const { destination, weight } of route!) {
    below += weight ?? 100;
    if (dice < below) return destination.subset ?? STABLE;
  }
  return STABLE;
}

function matchesHeaders(headers: Record<string, unknown> | undefined, sent: Record<string, string>): boolean {
  return Object.entries(headers ?? {}).every(([name, how]) => {
    const { exact, regex } = how as { exact?: string; regex?: string };
    return exact === undefined ? new RegExp(regex!).test(sent[name]!) : sent[name] === exact;
  });
}

type Tally = { requests: number; errors: number; within: number[] };

function newTally(): Tally {
  return { requests: 0, errors: 0, within: BOUNDS.map(() => 0) };
}

function sampleOf({ requests, errors, within }: Tally): Sample {
  return { requests, errors, within: new Map(BOUNDS.map((bound, at) => [bound, within[at]!])) };
}

function podOf(caller: number): string {
  return `caller-${caller}`;
}
