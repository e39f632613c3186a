import { createHash } from 'node:crypto';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { importFeed } from '../../../timetable/import/import.ts';
import { buildCatalog, type Catalog } from '../domain/catalog.ts';
import type { Actor, Railway, TimetableStore, TimetableVersion } from './ports.ts';

/** Problems of a refused feed that go into the answer; the log has them all. */
const SHOWN_PROBLEMS = 20;

/** The active timetable in memory, and how another one becomes active. */
export class Timetables {
  readonly #store: TimetableStore;
  readonly #railway: Railway;
  readonly #log: Log;
  #catalog: Catalog | undefined;
  #feed_checksum = '';
  #syncing: Promise<Result<{ active: TimetableVersion; changed: boolean }>> | undefined;

  constructor(store: TimetableStore, railway: Railway, log: Log) {
    this.#store = store;
    this.#railway = railway;
    this.#log = log;
  }

  /** Undefined until a first timetable was imported. */
  catalog(): Catalog | undefined {
    return this.#catalog;
  }

  /** Loads the version that is active in the store, if it is another one than ours. Keeps ours when the store is away. */
  async follow(): Promise<void> {
    const active = await this.#store.active();
    if (active === undefined || active.version === this.#catalog?.timetable.version) return;
    const feed = await this.#store.feedOf(active.version);
    if (feed === undefined) throw new Error(`the feed of version ${active.version} is not kept`);
    const imported = await importFeed(feed);
    if (!imported.ok) throw new Error(`the kept feed of version ${active.version} can no longer be read`);
    this.#feed_checksum = sha256(feed);
    this.#catalog = buildCatalog(imported.value);
    this.#log.info({ version: active.version, stations: imported.value.stations.length, trains: imported.value.trains.length }, 'timetable loaded');
  }

  /**
   * Fetches, checks and activates the railway's newest timetable. A bad one is refused whole (FEED_INVALID names file and
   * line) and ours stays. Of several at once all get the one outcome.
   */
  sync(actor: Actor): Promise<Result<{ active: TimetableVersion; changed: boolean }>> {
    this.#syncing ??= this.#syncNow(actor).finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async rollBack(version: string, actor: Actor): Promise<Result<TimetableVersion>> {
    const active = await this.#store.reactivate(version, actor);
    if (active === undefined) return fail('FIELD_INVALID', { detail: 'no such version is kept', metadata: { field: 'version' } });
    await this.follow();
    return ok(active);
  }

  versions(): Promise<TimetableVersion[]> {
    return this.#store.list();
  }

  async #syncNow(actor: Actor): Promise<Result<{ active: TimetableVersion; changed: boolean }>> {
    const fetched = await this.#railway.fetchFeed(this.#catalog === undefined ? '' : this.#feed_checksum);
    if (fetched !== undefined) {
      if (sha256(fetched.feed) !== fetched.feed_checksum) return fail('FEED_INVALID', { detail: 'the checksum of the feed is wrong: it was cut off or changed on the way' });
      const imported = await importFeed(fetched.feed);
      if (!imported.ok) {
        this.#log.error({ alert: true, problems: imported.errors }, 'the timetable of the railway was refused');
        const shown = imported.errors.slice(0, SHOWN_PROBLEMS).map((problem) => `${problem.file}:${problem.line}: ${problem.message}`);
        return fail('FEED_INVALID', { detail: shown.join('; ') });
      }
      const before = this.#catalog?.timetable.version;
      const active = await this.#store.activate(imported.value, fetched.feed, actor);
      await this.follow();
      return ok({ active, changed: active.version !== before });
    }
    const active = (await this.#store.list()).find((version) => version.active);
    return active === undefined ? fail('DEPENDENCY_UNAVAILABLE', { detail: 'no timetable is active' }) : ok({ active, changed: false });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
