/**
 * What must be true of the stores when nothing is under way any more, said without the service's own code: who holds
 * what is in the holds, the ledger's masks are the sum of them, and Redis has taken exactly what the ledger has.
 */
import type { Acknowledged } from './acknowledged.ts';

export type Place = { index: number; from: number; to: number };
/** A hold as its row tells. */
export type HoldRow = { hold_id: string; run_id: string; state: string; places: readonly Place[] };
/** Of each seat the segments that are taken, bit s for segment s. */
export type Taken = ReadonlyMap<number, bigint>;

export type RunFacts = {
  run_id: string;
  holds: readonly HoldRow[];
  ledger: Taken;
  redis: Taken;
  /** Ids of the holds that Redis has a record of. */
  redis_records: ReadonlySet<string>;
};

/**
 * Seat-segments that two hold, or that somebody else could still get (oversold); acknowledged holds that are not there as
 * they were told (lost); seat-segments and records that nobody holds and nobody can get (leaked).
 */
export type Findings = { oversold: number; lost: number; leaked: number; examples: string[] };

const LIVE = new Set(['HELD', 'SOLD']);
const EXAMPLES = 10;

export function noFindings(): Findings {
  return { oversold: 0, lost: 0, leaked: 0, examples: [] };
}

export function judgeRun(facts: RunFacts, findings: Findings): void {
  const live = facts.holds.filter(({ state }) => LIVE.has(state));
  const { taken, twice } = takenByHolds(live);
  const note = (kind: 'oversold' | 'leaked', count: number, what: string) => add(findings, kind, count, `${facts.run_id}: ${what}`);
  note('oversold', twice, 'seat-segments that two holds have');
  note('oversold', missing(taken, facts.ledger), 'seat-segments held, free in the ledger');
  note('leaked', missing(facts.ledger, taken), 'seat-segments taken in the ledger, held by nobody');
  note('oversold', missing(facts.ledger, facts.redis), 'seat-segments taken in the ledger, free in Redis');
  note('leaked', missing(facts.redis, facts.ledger), 'seat-segments taken in Redis, free in the ledger');
  const held = new Set(live.filter(({ state }) => state === 'HELD').map(({ hold_id }) => hold_id));
  note('leaked', held.symmetricDifference(facts.redis_records).size, 'holds and records in Redis that differ');
}

/** `index_of` resolves a seat's name. A hold that ran out since is nobody's loss. */
export function judgeAcknowledged(told: Acknowledged, row: HoldRow | undefined, index_of: (coach_no: string, seat_no: string) => number, ran_out: boolean, findings: Findings): void {
  const why = whyLost(told, row, index_of, ran_out);
  if (why !== undefined) add(findings, told.expected === 'RELEASED' ? 'leaked' : 'lost', 1, `${told.hold_id}: ${why}`);
}

function whyLost(told: Acknowledged, row: HoldRow | undefined, index_of: (coach_no: string, seat_no: string) => number, ran_out: boolean): string | undefined {
  if (row === undefined) return 'not in the ledger';
  if (row.run_id !== told.run_id) return `on ${row.run_id} instead of ${told.run_id}`;
  if (told.expected === 'RELEASED') return row.state === 'RELEASED' ? undefined : `released, but ${row.state}`;
  if (row.state === 'RELEASED' && (told.expected === 'EITHER' || ran_out)) return undefined;
  if (row.state !== 'HELD') return `acknowledged, but ${row.state}`;
  const [place] = row.places;
  const same = row.places.length === 1 && place !== undefined && place.index === index_of(told.coach_no, told.seat_no) && place.from === told.from && place.to === told.to;
  return same ? undefined : `has ${JSON.stringify(row.places)}, was told coach ${told.coach_no} seat ${told.seat_no}, ${told.from} to ${told.to}`;
}

function takenByHolds(holds: readonly HoldRow[]): { taken: Taken; twice: number } {
  const taken = new Map<number, bigint>();
  let twice = 0;
  for (const { places } of holds) {
    for (const { index, from, to } of places) {
      const [before, mask] = [taken.get(index) ?? 0n, ((1n << BigInt(to - from)) - 1n) << BigInt(from)];
      twice += ones(before & mask);
      taken.set(index, before | mask);
    }
  }
  return { taken, twice };
}

/** Seat-segments of one that the other lacks. */
function missing(one: Taken, other: Taken): number {
  let count = 0;
  for (const [index, mask] of one) count += ones(mask & ~(other.get(index) ?? 0n));
  return count;
}

function ones(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) count += 1;
  return count;
}

function add(findings: Findings, kind: 'oversold' | 'lost' | 'leaked', count: number, what: string): void {
  if (count === 0) return;
  findings[kind] += count;
  if (findings.examples.length < EXAMPLES) findings.examples.push(`${kind} ${count}: ${what}`);
}
