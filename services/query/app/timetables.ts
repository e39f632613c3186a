import { createHash } from 'node:crypto';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { importFeed } from '../../../timetable/import/import.ts';
import type { Timetable } from '../../../timetable/model.ts';
import { buildCatalog, withOverlays, type Catalog } from '../domain/catalog.ts';
import { lossProblem } from '../domain/loss.ts';
import { overlaysOf, type KeptChange, type RunOverlays } from '../domain/run_changes.ts';
import type { ActiveVersion, Actor, ListedChange, Railway, RunChangeStore, TimetableStore, TimetableVersion } from './ports.ts';

export type TimetableDeps = { store: TimetableStore; changes: RunChangeStore; railway: Railway; clock: Clock; log: Log };

export type SyncWish = { actor: Actor; /** Takes a timetable that lacks many of the runs on sale. */ despite_losses: boolean };

/** Problems of a refused feed that go into the answer; the log has them all. */
const SHOWN_PROBLEMS = 20;
const CHANGES_AT_ONCE = 1_000;

export const OURSELVES: Actor = { account_id: '', service: 'query', device_id: '', ip: '', request_id: '' };

/** The active timetable in memory with the changes of its runs, and how another one becomes active. */
export class Timetables {
  readonly #deps: TimetableDeps;
  #catalog: Catalog | undefined;
  #feed_checksum = '';
  #changes_revision = 0;
  readonly #kept = new Map<string, KeptChange>();
  #syncing: Promise<Result<{ active: TimetableVersion; changed: boolean }>> | undefined;
  #following: Promise<void> = Promise.resolve();

  constructor(deps: TimetableDeps) {
    this.#deps = deps;
  }

  /** Undefined until a first timetable was imported. */
  catalog(): Catalog | undefined {
    return this.#catalog;
  }

  /** Loads what is new in the store: another active version, changes of runs. Keeps ours when the store is away. */
  follow(): Promise<void> {
    // One after the other: two that overlap would build the same catalog twice and could end with the older one.
    this.#following = this.#following.catch(() => undefined).then(() => this.#follow());
    return this.#following;
  }

  /**
   * Fetches, checks and activates the railway's newest timetable. A bad one is refused whole (FEED_INVALID names file and
   * line) and ours stays, and so does one that would lose many runs on sale. Of several at once all get the one outcome.
   */
  sync(wish: SyncWish): Promise<Result<{ active: TimetableVersion; changed: boolean }>> {
    this.#syncing ??= this.#syncNow(wish).finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async rollBack(version: string, actor: Actor): Promise<Result<TimetableVersion>> {
    const active = await this.#deps.store.reactivate(version, actor);
    if (active === undefined) return fail('FIELD_INVALID', { detail: 'no such version is kept', metadata: { field: 'version' } });
    await this.follow();
    return ok(active);
  }

  versions(): Promise<TimetableVersion[]> {
    return this.#deps.store.list();
  }

  /** The newest word on each run, in order of revision. */
  changes(after: number, limit: number): Promise<ListedChange[]> {
    return this.#deps.changes.after(after, limit);
  }

  async #follow(): Promise<void> {
    const active = await this.#deps.store.active();
    if (active === undefined) return;
    if (active.version !== this.#catalog?.timetable.version) await this.#load(active);
    else if (active.revision !== this.#catalog.revision) this.#catalog = { ...this.#catalog, revision: active.revision };
    await this.#loadChanges();
  }

  /** A version that can not be read is broken for everybody: the one before it becomes active again. */
  async #load(active: ActiveVersion): Promise<void> {
    const { store, log } = this.#deps;
    const loaded = await this.#read(active.version);
    if (typeof loaded === 'string') {
      log.error({ alert: true, version: active.version, problem: loaded }, 'the active timetable is broken');
      const before = await store.before(active.version);
      if (before === undefined) throw new Error(`the timetable ${active.version} is broken (${loaded}) and there is none before it`);
      await store.reactivate(before, OURSELVES, active.version);
      const now = await store.active();
      if (now === undefined || now.version === active.version) throw new Error(`the timetable ${active.version} is broken: ${loaded}`);
      if (now.version !== this.#catalog?.timetable.version) await this.#load(now);
      return;
    }
    this.#feed_checksum = loaded.checksum;
    this.#catalog = buildCatalog(loaded.timetable, { revision: active.revision, overlays: this.#overlays(loaded.timetable) });
    log.info({ version: active.version, stations: loaded.timetable.stations.length, trains: loaded.timetable.trains.length }, 'timetable loaded');
  }

  /** The kept timetable, or why it can not be read. */
  async #read(version: string): Promise<{ timetable: Timetable; checksum: string } | string> {
    const kept = await this.#deps.store.feedOf(version);
    if (kept === undefined) return 'its feed is not kept';
    const checksum = sha256(kept.feed);
    // Versions of before checksums were kept have none.
    if (kept.checksum !== '' && kept.checksum !== checksum) return 'its feed is not the one that was kept';
    const imported = await importFeed(kept.feed);
    if (!imported.ok) return `its feed can not be read: ${imported.errors[0]?.message}`;
    return imported.value.version === version ? { timetable: imported.value, checksum } : `its feed is that of ${imported.value.version}`;
  }

  async #loadChanges(): Promise<void> {
    let found = 0;
    for (;;) {
      const page = await this.#deps.changes.after(this.#changes_revision, CHANGES_AT_ONCE);
      for (const { taken, revision } of page) if (taken !== undefined) this.#kept.set(taken.run_id, { change: taken, revision });
      this.#changes_revision = page.at(-1)?.revision ?? this.#changes_revision;
      found += page.length;
      if (page.length < CHANGES_AT_ONCE) break;
    }
    if (found === 0 || this.#catalog === undefined) return;
    this.#catalog = withOverlays(this.#catalog, this.#overlays(this.#catalog.timetable));
    this.#deps.log.info({ changes: found, revision: this.#changes_revision }, 'runs changed by the railway');
  }

  #overlays(timetable: Timetable): RunOverlays {
    return overlaysOf(timetable, this.#kept.values());
  }

  async #syncNow({ actor, despite_losses }: SyncWish): Promise<Result<{ active: TimetableVersion; changed: boolean }>> {
    const { railway, store, clock } = this.#deps;
    const fetched = await railway.fetchFeed(this.#catalog === undefined ? '' : this.#feed_checksum);
    if (fetched === undefined) {
      const active = (await store.list()).find((version) => version.active);
      return active === undefined ? fail('DEPENDENCY_UNAVAILABLE', { detail: 'no timetable is active' }) : ok({ active, changed: false });
    }
    if ('unfit' in fetched) return this.#refuse([fetched.unfit]);
    if (sha256(fetched.feed) !== fetched.feed_checksum) return this.#refuse(['the checksum of the feed is wrong: it was cut off or changed on the way']);
    const imported = await importFeed(fetched.feed);
    if (!imported.ok) return this.#refuse(imported.errors.map((problem) => `${problem.file}:${problem.line}: ${problem.message}`));
    const loss = this.#catalog === undefined || despite_losses ? undefined : lossProblem(this.#catalog.timetable, imported.value, clock.now_ms());
    if (loss !== undefined) return this.#refuse([loss]);
    const before = this.#catalog?.timetable.version;
    const active = await store.activate(imported.value, fetched.feed, actor);
    await this.follow();
    return ok({ active, changed: active.version !== before });
  }

  #refuse(problems: readonly string[]): Result<never> {
    this.#deps.log.error({ alert: true, problems }, 'the timetable of the railway was refused');
    return fail('FEED_INVALID', { detail: problems.slice(0, SHOWN_PROBLEMS).join('; ') });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
