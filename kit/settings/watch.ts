import type { z } from 'zod';
import { ConfigService, type ConfigEntry } from '#gen/rail/config/v1/config_pb.ts';
import { isGray, type GraySubject } from '#kit/base/gray.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { repeat, type Loop } from '#kit/run/loop.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { valuesOf, type Values } from './values.ts';

/** One setting as the service that uses it knows it. */
export type Setting<T> = {
  /** What the service can work with. Anything else is not taken, and the old value stays. */
  shape: z.ZodType<T>;
  /** Holds until the configuration service has answered once. */
  value: T;
  /** What the environment says explicitly. It wins over the configuration service for as long as the process lives. */
  fixed?: T | undefined;
};

export type Settings<V> = {
  /** The value now; with a subject, the one of the gray rule for those whom it chooses. From memory, never fails. */
  get<K extends keyof V & string>(key: K, subject?: GraySubject): V[K];
  stop(): Promise<void>;
};

export type ConfigClient = Pick<ServiceClient<typeof ConfigService>, 'watchConfig'>;

/** A client that the caller closes, or where to connect to; without an address the values stay what they are at start. */
export type ConfigSource = { client: ConfigClient } | { address: string | undefined; caller_key: Uint8Array | undefined };

export type WatchOptions<V> = ConfigSource & {
  service: string;
  keys: { readonly [K in keyof V]: Setting<V[K]> };
  log: Log;
  /** Pause before the stream is opened again; after failures it doubles up to ten seconds. */
  retry_ms?: number;
};

const RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;
/** A stream is opened anew after this time, so that watchers spread over new servers and no loss lasts. */
const RENEW_MS = 10 * 60_000;

/**
 * Follows settings of the configuration service. Returns at once, whether that service is up or not: what `keys` say holds
 * until it has answered, and while it is away the last known values stay. Precedence: `fixed`, then the configuration
 * service, then `value`.
 */
export function watchSettings<V extends Record<string, unknown>>(options: WatchOptions<V>): Settings<V> {
  const watch = new Watch(options);
  return { get: (key, subject) => watch.get(key, subject) as V[typeof key], stop: () => watch.stop() };
}

type Known = Values & { version: number };

class Watch {
  readonly #keys: Readonly<Record<string, Setting<unknown>>>;
  readonly #known = new Map<string, Known>();
  /** Keys that this configuration service does not have (yet): they are left out until the stream is opened anew. */
  readonly #unheard = new Set<string>();
  readonly #log: Log;
  readonly #client: ConfigClient | undefined;
  readonly #close: () => void;
  readonly #loop: Loop | undefined;
  readonly #meters: ReturnType<typeof metersOf>;

  constructor(options: WatchOptions<Record<string, unknown>>) {
    const { service, keys, log, retry_ms = RETRY_MS } = options;
    this.#keys = keys;
    this.#log = log;
    this.#meters = metersOf(service);
    for (const [key, { value, fixed }] of Object.entries(keys)) {
      this.#known.set(key, { version: 0, value: fixed ?? value, gray: undefined });
      this.#meters.version.set({ key }, 0);
    }
    const owned = 'client' in options ? undefined : clientOf(service, options);
    this.#client = 'client' in options ? options.client : owned;
    this.#close = () => owned?.close();
    if (this.#client === undefined || this.#wanted().length === 0) return;
    const run = (signal: AbortSignal) => this.#follow(signal);
    this.#loop = repeat({ name: 'settings', service, every_ms: retry_ms, jitter: 0.5, max_backoff_ms: MAX_RETRY_MS, run_timeout_ms: RENEW_MS, log, run });
    this.#loop.nudge();
  }

  get(key: string, subject: GraySubject | undefined): unknown {
    const known = this.#known.get(key);
    if (known === undefined) throw new Error(`${key} is not among the settings that are watched`);
    const { value, gray } = known;
    return gray !== undefined && subject !== undefined && isGray(key, gray.rule, subject) ? gray.value : value;
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
    this.#close();
  }

  #wanted(): string[] {
    return Object.keys(this.#keys).filter((key) => this.#keys[key]!.fixed === undefined && !this.#unheard.has(key));
  }

  /** Until the stream ends. Throws, and so makes the next pause longer, only when it never began. */
  async #follow(signal: AbortSignal): Promise<'again' | void> {
    const keys = this.#wanted();
    // No keys would mean all of them.
    if (keys.length === 0) return this.#unheard.clear();
    let begun = false;
    try {
      for await (const { entries } of this.#client!.watchConfig({ keys }, { signal, timeout_ms: Infinity })) {
        for (const entry of entries) this.#take(entry, !begun);
        begun = true;
        this.#meters.watching.set({}, 1);
      }
    } catch (error) {
      if (!begun) return this.#leaveOut(error, keys);
      if (!signal.aborted) this.#log.warn({ error }, 'settings are not heard of for now; the last ones hold');
    } finally {
      this.#meters.watching.set({}, 0);
    }
    this.#unheard.clear();
  }

  /** A key that only a newer configuration service has must not keep the others from being heard. */
  #leaveOut(error: unknown, keys: readonly string[]): 'again' {
    const key = error instanceof RpcError && error.reason === 'CONFIG_NOT_FOUND' ? error.metadata.key : undefined;
    if (key === undefined || !keys.includes(key)) throw error;
    this.#unheard.add(key);
    this.#log.warn({ key }, 'the configuration service does not know a setting; its value holds');
    return 'again';
  }

  /**
   * Within a stream versions only grow; what comes late is old. What a stream begins with is taken as it is, since the
   * service's database may have been set back.
   */
  #take(entry: ConfigEntry, first: boolean): void {
    const { key } = entry;
    const setting = this.#keys[key];
    const known = this.#known.get(key);
    if (setting === undefined || known === undefined || setting.fixed !== undefined) return;
    const version = Number(entry.version);
    if (!first && version <= known.version) return;
    const values = valuesOf(entry, setting.shape);
    if (!values.ok) {
      this.#meters.refused.inc({ key });
      this.#log.error({ key, version, problem: values.problem, kept_version: known.version }, 'a setting can not be used; the old one holds');
      return;
    }
    this.#known.set(key, { ...values.values, version });
    this.#meters.version.set({ key }, version);
    if (version !== known.version) this.#log.info({ key, version }, 'a setting changed');
  }
}

function clientOf(service: string, { address, caller_key }: { address: string | undefined; caller_key: Uint8Array | undefined }): ServiceClient<typeof ConfigService> | undefined {
  return address === undefined ? undefined : createClient(ConfigService, { address, service, caller_key });
}

function metersOf(service: string) {
  const metrics = metricsFor(service);
  return {
    version: metrics.gauge('settings_version', 'Version of each setting in use; 0 until somebody set one, or when the environment fixes it', ['key']),
    watching: metrics.gauge('settings_watching', '1 while the configuration service is heard, else 0'),
    refused: metrics.counter('settings_refused_total', 'Values of settings that could not be used', ['key']),
  };
}
