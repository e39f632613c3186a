import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Offer } from '../domain/offer.ts';
import type { Sources } from './answer_cache.ts';
import { WatchedPage, type PageChange, type Watcher } from './watched_page.ts';

/** Changes of a page that come faster than this are joined. */
export const COALESCE_MS = 250;
/** How soon watchers hear that numbers became stale, the timetable is another, or a sale began. */
const LOOK_EVERY_MS = 1000;
/** Different pages watched in one process; more are refused. */
const MAX_PAGES = 10_000;
/** Pages worked off before others get their turn. */
const SLICE = 20;

export type WatchedPagesDeps<M> = {
  sources: Pick<Sources, 'timetable' | 'freshness'>;
  /** Tells of each run that changed. */
  onChange: (tell: (run_id: string) => void) => () => void;
  clock: Clock;
  /** Makes a message once for all who watch the page. */
  encode: (change: PageChange) => M;
  /** Each time a page was made. */
  onLoad: () => void;
};

/**
 * Result pages that somebody watches. However many watch the same page, a change makes it once; nothing waits for a watcher
 * but the newest state, so a slow one costs nobody anything.
 */
export class WatchedPages<M> {
  readonly #deps: WatchedPagesDeps<M>;
  readonly #pages = new Map<string, WatchedPage<M>>();
  readonly #pages_of_run = new Map<string, Set<WatchedPage<M>>>();
  readonly #dirty: WatchedPage<M>[] = [];
  readonly #stop: () => void;
  readonly #look: NodeJS.Timeout;
  #working = false;
  #timetable: unknown;
  #freshness = -1;

  constructor(deps: WatchedPagesDeps<M>) {
    this.#deps = deps;
    this.#stop = deps.onChange((run_id) => this.#pages_of_run.get(run_id)?.forEach((page) => this.#touch(page)));
    this.#look = setInterval(() => this.#lookAround(), LOOK_EVERY_MS);
    this.#look.unref();
  }

  /** The page at once, then what changes. `search` makes it; it throws what ends every watch of this page. */
  watch(key: string, search: () => readonly Offer[], signal: AbortSignal): Result<AsyncIterable<M>> {
    const known = this.#pages.get(key);
    if (known === undefined && this.#pages.size >= MAX_PAGES) return fail('OVERLOADED', { retry_after_ms: 1000 });
    const page = known ?? this.#open(key, search);
    return ok(this.#follow(page, signal));
  }

  size(): { pages: number; watchers: number } {
    let watchers = 0;
    for (const page of this.#pages.values()) watchers += page.watchers.size;
    return { pages: this.#pages.size, watchers };
  }

  stop(): void {
    clearInterval(this.#look);
    this.#stop();
  }

  async *#follow(page: WatchedPage<M>, signal: AbortSignal): AsyncIterable<M> {
    const watcher: Watcher = { wake: () => undefined };
    const onAbort = (): void => watcher.wake();
    page.watchers.add(watcher);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      let seen = page.changes;
      yield page.whole(this.#deps.encode);
      while (!signal.aborted) {
        if (page.failure !== undefined) throw page.failure.error;
        if (page.changes === seen) {
          await new Promise<void>((resolve) => (watcher.wake = resolve));
          continue;
        }
        const missed = page.changes - seen > 1;
        seen = page.changes;
        yield missed ? page.whole(this.#deps.encode) : page.newest!;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      page.watchers.delete(watcher);
      if (page.watchers.size === 0) this.#close(page);
    }
  }

  #open(key: string, search: () => readonly Offer[]): WatchedPage<M> {
    const page = new WatchedPage<M>(key, search);
    this.#make(page);
    if (page.failure !== undefined) throw page.failure.error;
    this.#pages.set(key, page);
    return page;
  }

  #close(page: WatchedPage<M>): void {
    if (this.#pages.get(page.key) === page) this.#pages.delete(page.key);
    this.#index(page, []);
    clearTimeout(page.timer);
  }

  #touch(page: WatchedPage<M>): void {
    if (page.timer !== undefined) return;
    const wait_ms = Math.max(0, page.made_ms + COALESCE_MS - this.#deps.clock.monotonic_ms());
    page.timer = setTimeout(() => {
      this.#dirty.push(page);
      if (!this.#working) this.#workOff();
    }, wait_ms);
  }

  /** In slices: thousands of pages that change at once must not keep searches waiting. */
  #workOff(): void {
    this.#working = true;
    for (const page of this.#dirty.splice(0, SLICE)) {
      page.timer = undefined;
      if (page.watchers.size > 0) this.#make(page);
    }
    if (this.#dirty.length > 0) setImmediate(() => this.#workOff());
    else this.#working = false;
  }

  #make(page: WatchedPage<M>): void {
    const { clock, encode, onLoad } = this.#deps;
    page.made_ms = clock.monotonic_ms();
    onLoad();
    try {
      page.put(page.search(), clock.now_ms(), encode);
      this.#index(page, page.runIds());
    } catch (error) {
      page.failure = { error };
      if (this.#pages.get(page.key) === page) this.#pages.delete(page.key);
    }
    for (const { wake } of page.watchers) wake();
  }

  /** What no run tells: stale numbers, another timetable, a sale that begins, a train that leaves. */
  #lookAround(): void {
    const { sources, clock } = this.#deps;
    const same = sources.timetable() === this.#timetable && sources.freshness() === this.#freshness;
    this.#timetable = sources.timetable();
    this.#freshness = sources.freshness();
    const now_ms = clock.now_ms();
    for (const page of this.#pages.values()) if (!same || page.ends_ms <= now_ms) this.#touch(page);
  }

  #index(page: WatchedPage<M>, run_ids: readonly string[]): void {
    const wanted = new Set(run_ids);
    for (const run_id of page.indexed) {
      if (wanted.has(run_id)) continue;
      const pages = this.#pages_of_run.get(run_id);
      pages?.delete(page);
      if (pages?.size === 0) this.#pages_of_run.delete(run_id);
    }
    for (const run_id of wanted) {
      const pages = this.#pages_of_run.get(run_id) ?? new Set();
      pages.add(page);
      this.#pages_of_run.set(run_id, pages);
    }
    page.indexed = wanted;
  }
}
