import type { Offer } from '../domain/offer.ts';

/** What is told of a page: the offers that changed, or all of them. */
export type PageChange = { offers: readonly Offer[]; gone_run_ids: readonly string[] };

export type Watcher = { wake: () => void };

/** A page as its watchers saw it last, and what changed then. */
export class WatchedPage<M> {
  readonly key: string;
  readonly search: () => readonly Offer[];
  readonly watchers = new Set<Watcher>();
  indexed = new Set<string>();
  timer: NodeJS.Timeout | undefined;
  made_ms = -Infinity;
  ends_ms = Infinity;
  /** Counts what was told; `newest` is the last of it. */
  changes = 0;
  newest: M | undefined;
  failure: { error: unknown } | undefined;
  #offers: readonly Offer[] = [];
  #shown = new Map<string, string>();
  /** Runs that were on it and are not: who was slow has not heard of each. */
  readonly #gone = new Set<string>();
  #whole: M | undefined;

  constructor(key: string, search: () => readonly Offer[]) {
    this.key = key;
    this.search = search;
  }

  put(offers: readonly Offer[], now_ms: number, encode: (change: PageChange) => M): void {
    const shown = new Map(offers.map((offer) => [offer.run.run_id, lookOf(offer)]));
    const changed = offers.filter((offer) => this.#shown.get(offer.run.run_id) !== lookOf(offer));
    const gone = [...this.#shown.keys()].filter((run_id) => !shown.has(run_id));
    for (const run_id of gone) this.#gone.add(run_id);
    for (const run_id of shown.keys()) this.#gone.delete(run_id);
    this.#offers = offers;
    this.#shown = shown;
    this.ends_ms = Math.min(...offers.flatMap((offer) => [offer.sale_start_ms, offer.departure_ms]).filter((time_ms) => time_ms > now_ms));
    if (changed.length === 0 && gone.length === 0) return;
    this.changes += 1;
    this.#whole = undefined;
    this.newest = encode({ offers: changed, gone_run_ids: gone });
  }

  whole(encode: (change: PageChange) => M): M {
    return (this.#whole ??= encode({ offers: this.#offers, gone_run_ids: [...this.#gone] }));
  }

  runIds(): string[] {
    return [...this.#shown.keys()];
  }
}

/** What a traveller would see changed. */
function lookOf({ version, sale_state, stale }: Offer): string {
  return `${version} ${sale_state} ${stale}`;
}
