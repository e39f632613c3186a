import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { CONFIG_KEYS, checkValue, STATE_KEY, type ConfigKey } from './config_keys.ts';
import type { Actor, ConfigEntry, ConfigStore, GrayRule, Page } from './ports.ts';

/** Requirements: gray values go to 1 %–20 % of people; lists of cities, channels and accounts may name more. */
const MAX_GRAY_PERCENT = 20;
const MAX_GRAY_NAMES = 1000;

/** Watchers beyond this are refused: each service process needs one. */
const MAX_WATCHERS = 1000;

/** All settings in memory, read again each second and after each write here, told to whoever watches. */
export class ConfigHub {
  readonly #store: ConfigStore;
  #entries = new Map<string, ConfigEntry>();
  readonly #watchers = new Set<(entries: ConfigEntry[]) => void>();

  constructor(store: ConfigStore) {
    this.#store = store;
  }

  /** Reads what is stored and tells watchers what changed. When the store is away, what is known stays. */
  async refresh(): Promise<void> {
    const stored = new Map((await this.#store.current()).map((entry) => [entry.key, entry]));
    const entries = Object.keys(CONFIG_KEYS).map((key) => stored.get(key) ?? defaultEntry(key as ConfigKey));
    const changed = entries.filter((entry) => this.#entries.get(entry.key)?.version !== entry.version);
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    if (changed.length > 0) for (const tell of this.#watchers) tell(changed);
  }

  /** The named entries, or all; unknown names are left out. */
  get(keys: readonly string[]): ConfigEntry[] {
    const wanted = keys.length === 0 ? [...this.#entries.keys()] : keys;
    return wanted.flatMap((key) => this.#entries.get(key) ?? []);
  }

  value<T>(key: ConfigKey): T {
    return JSON.parse(this.#entries.get(key)?.value_json ?? JSON.stringify(CONFIG_KEYS[key].value)) as T;
  }

  /** Calls back with each change until the returned function is called. OVERLOADED beyond the limit of watchers. */
  watch(tell: (entries: ConfigEntry[]) => void): Result<() => void> {
    if (this.#watchers.size >= MAX_WATCHERS) return fail('OVERLOADED', { retry_after_ms: 1000 });
    this.#watchers.add(tell);
    return ok(() => void this.#watchers.delete(tell));
  }
}

export type SetConfig = { key: string; value_json: string; base_version: number; comment: string; gray: GrayRule | undefined };

/** Checks and writes a new version of a setting; watchers hear of it at once. */
export async function setConfig(hub: ConfigHub, store: ConfigStore, wanted: SetConfig, actor: Actor): Promise<Result<ConfigEntry>> {
  if (wanted.key === STATE_KEY) return fieldInvalid('key', 'is written by the service itself; set protection.mode');
  const value = checkValue(wanted.key, wanted.value_json);
  if (!value.ok) return value;
  const gray = checkGray(wanted.key, wanted.gray);
  if (!gray.ok) return gray;
  if (wanted.comment.length > 500) return fieldInvalid('comment', 'is longer than 500 characters');
  const written = await store.put({ key: wanted.key, value_json: value.value, comment: wanted.comment, gray: gray.value }, wanted.base_version, actor);
  if (written.ok) await hub.refresh();
  return written;
}

/** Makes an earlier value current again, as a new version, so that history only grows. */
export async function rollBackConfig(hub: ConfigHub, store: ConfigStore, key: string, version: number, actor: Actor): Promise<Result<ConfigEntry>> {
  const earlier: Page<ConfigEntry> = await store.versions(key, 1, version + 1);
  const entry = version === 0 && key in CONFIG_KEYS ? defaultEntry(key as ConfigKey) : earlier.items.find((item) => item.version === version);
  if (entry === undefined) return fail('CONFIG_NOT_FOUND', { metadata: { key, version: String(version) } });
  const base_version = hub.get([key])[0]?.version ?? 0;
  return setConfig(hub, store, { key, value_json: entry.value_json, base_version, comment: `rolled back to version ${version}`, gray: entry.gray }, actor);
}

function checkGray(key: string, gray: GrayRule | undefined): Result<GrayRule | undefined> {
  if (gray === undefined) return ok(undefined);
  if (!Number.isInteger(gray.percent) || gray.percent < 0 || gray.percent > MAX_GRAY_PERCENT) return fieldInvalid('gray.percent', `must be 0 to ${MAX_GRAY_PERCENT}`);
  if (gray.cities.length + gray.channels.length + gray.account_ids.length > MAX_GRAY_NAMES) return fieldInvalid('gray', `names more than ${MAX_GRAY_NAMES}`);
  const value = checkValue(key, gray.value_json, 'gray.value_json');
  return value.ok ? ok({ ...gray, value_json: value.value }) : value;
}

function defaultEntry(key: ConfigKey): ConfigEntry {
  return { key, value_json: JSON.stringify(CONFIG_KEYS[key].value), version: 0, update_time_ms: 0, updated_by: 'default', comment: CONFIG_KEYS[key].about, gray: undefined };
}
