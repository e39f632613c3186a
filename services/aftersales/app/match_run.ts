/**
 * Matches those who wait for a run with what is free: woken when seats were given back, and when somebody new waits. One matcher
 * a run at a time (a lease), in the one order of domain/standby_matching.ts.
 */
import { sleep } from '#kit/base/timers.ts';
import { kindFromText, mostServed, nextToServe, SERVED_AT_ONCE, type FreePlaces } from '../domain/standby_matching.ts';
import { settleMatches, type SettleParts } from './settle_matches.ts';
import type { StandbyParts, WaitingHead } from './standby_ports.ts';

export type Matcher = {
  /** Matches the run soon; never throws. A call while it is being matched makes it go round again. */
  wake(run_id: string): void;
  /** Resolves when nothing is being matched here. */
  idle(): Promise<void>;
};

export type MatcherParts = StandbyParts & SettleParts & { owner: string };

/** Longer than a call of inventory may take. */
const LEASE_MS = 10_000;
/** Another process has the run, or the next one is being matched on another run: that takes milliseconds. */
const BUSY_MS = 20;
const BUSY_MAX = 100;
/** Steps with one lease; the rest is a wake of its own. */
const STEPS_MAX = 1000;
const RUNS_MAX = 10_000;

/** A run that is being matched here; `again`: it was woken since it was last looked at. */
type Running = { again: boolean; done: Promise<void> };

export function createMatcher(parts: MatcherParts): Matcher {
  const running = new Map<string, Running>();
  async function rounds(run_id: string, mine: Running): Promise<void> {
    do {
      mine.again = false;
      await matchRun(parts, run_id, mine).catch((error: unknown) => parts.log.warn({ error, run_id }, 'a run could not be matched'));
    } while (mine.again);
  }
  return {
    wake(run_id) {
      const known = running.get(run_id);
      if (known !== undefined) {
        known.again = true;
        return;
      }
      // What is not matched here is on sale soon, or matched when its run is woken again.
      if (running.size >= RUNS_MAX) return;
      const mine = { again: false, done: Promise.resolve() };
      running.set(run_id, mine);
      mine.done = rounds(run_id, mine).finally(() => running.delete(run_id));
    },
    async idle() {
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

async function matchRun(parts: MatcherParts, run_id: string, mine: Running): Promise<void> {
  const { standbys, timers, owner } = parts;
  let busy = 0;
  while (!(await standbys.lease(run_id, owner, LEASE_MS))) {
    if ((await standbys.waiting(run_id)) === undefined || (busy += 1) > BUSY_MAX) return;
    await sleep(timers, BUSY_MS);
  }
  try {
    await serveAll(parts, run_id, mine);
  } finally {
    await standbys.unlease(run_id, owner);
  }
}

/** Step after step, until a look at what is free finds nobody to serve and nobody has woken the run since. */
async function serveAll(parts: MatcherParts, run_id: string, mine: Running): Promise<void> {
  const { standbys, seats, timers, clock, owner } = parts;
  const tried = new Set<string>();
  let tried_version = 0n;
  let [busy, leased_ms] = [0, clock.monotonic_ms()];
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    mine.again = false;
    const [free, heads] = await Promise.all([seats.free(run_id), standbys.heads(run_id)]);
    if (!free.ok) return;
    // Other seats than those that they were tried with.
    if (free.value.version !== tried_version) tried.clear();
    tried_version = free.value.version;
    const next = nextToServe(await waitingOf(parts, run_id, heads, free.value.places), free.value.places, tried);
    if (next.length === 0 && !mine.again) return;
    const claimed = next.length === 0 ? [] : await standbys.claim(next);
    const outcomes = await settleMatches(parts, claimed);
    if (outcomes.includes('UNDECIDED')) return;
    outcomes.forEach((outcome, index) => outcome === 'NO_SEAT' && tried.add(next[index]!.kind));
    if (next.length > 0 && claimed.length === 0) {
      // The first is being matched on another run at this moment: whoever is behind it waits until that is decided.
      if ((busy += 1) > BUSY_MAX) return;
      await sleep(timers, BUSY_MS);
    } else if (clock.monotonic_ms() - leased_ms < LEASE_MS / 3) {
      // A write of its own: only now and then, and while others are waited for.
      continue;
    }
    if (!(await standbys.lease(run_id, owner, LEASE_MS))) return;
    leased_ms = clock.monotonic_ms();
  }
}

/** The first of each kind, and more of those for which there are more seats. */
async function waitingOf({ standbys }: MatcherParts, run_id: string, heads: readonly WaitingHead[], free: FreePlaces): Promise<readonly WaitingHead[]> {
  const fitting = heads.map((head) => ({ head, requests: Math.min(SERVED_AT_ONCE, mostServed(kindFromText(head.kind), free)) })).filter(({ requests }) => requests > 0);
  if (fitting.every(({ requests }) => requests === 1)) return fitting.map(({ head }) => head);
  // Who is served in one step is of the kinds whose heads come first.
  const first = fitting.toSorted((left, right) => left.head.rank - right.head.rank).slice(0, SERVED_AT_ONCE);
  return standbys.front(run_id, first.map(({ head: { kind }, requests }) => ({ kind, requests })));
}
