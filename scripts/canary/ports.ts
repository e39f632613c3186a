import type { Words } from './domain/judge.ts';
import type { Kind, KubeObject } from './domain/objects.ts';
import type { Sample } from './domain/sample.ts';

/** The cluster's API, as far as a canary needs it. A call that fails in a way that may pass throws `ClusterError`. */
export type Cluster = {
  get<T extends KubeObject>(kind: Kind, name: string): Promise<T | undefined>;
  list<T extends KubeObject>(kind: Kind, labels: Readonly<Record<string, string>>): Promise<T[]>;
  create<T extends KubeObject>(object: T): Promise<T | 'EXISTS'>;
  /** A merge patch of an object that was read: refused when it was changed since, by whomever. */
  patch<T extends KubeObject>(read: T, patch: object): Promise<T | 'CONFLICT'>;
  /** Removes this very object, not one that has its name by now. */
  remove(read: KubeObject): Promise<void>;
};

/** What the sidecars of the service's callers say. */
export type Proxies = {
  /** Of each caller: how many endpoints of the canary it would use now, and whether any of its routes leads there. */
  views(service: string): Promise<ProxyView[]>;
  /** Counters of each caller since it began, by version. */
  counters(service: string): Promise<PodCounters[]>;
};

export type ProxyView = { pod: string; canary_endpoints: number; leads_to_canary: boolean };
export type PodCounters = { pod: string; stable: Sample; canary: Sample };

/** A call to the cluster failed; its message has the call and what was answered. */
export class ClusterError extends Error {
  override name = 'ClusterError';
}

/** Somebody else drives this canary now. */
export class Lost extends Error {
  override name = 'Lost';
}

/** The command is told to end; the canary stays where it is. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

export type Tell = (words: Words) => void;
