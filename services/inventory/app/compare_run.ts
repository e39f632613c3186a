import { compareSeats, compareStanding, standingUsed, withPlaces, type SeatDifference } from '../domain/differences.ts';
import type { HeldPlace, Hold } from '../domain/hold.ts';
import { seatNameOf } from '../domain/place.ts';
import type { RunHeader } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import type { RunBits, RunImage, RunSnapshot, SeatRecord } from './ports.ts';

export type DifferenceKind =
  | 'TAKEN_IN_REDIS_ONLY' | 'FREE_IN_REDIS_ONLY' | 'SUM_MISMATCH' | 'HOLD_IN_REDIS_ONLY' | 'HOLD_OVER_IN_LEDGER' | 'HOLD_WITHOUT_RECORD' | 'RECORD_OF_SOLD' | 'HOLD_WITHOUT_ORDER' | 'ORDER_WITHOUT_HOLD' | 'NOT_COMPARED';

export type Difference = { run_id: string; seat: string; hold_id: string; order_id: string; kind: DifferenceKind; repaired: boolean; explanation: string };

/** One reading of a run: Redis first, the ledger after it, so that what the ledger has and Redis lacks was lost by Redis. */
export type Reading = {
  run: RunHeader;
  epoch: number;
  snapshot: RunSnapshot;
  bits: RunBits;
  /** Of records whose hold the ledger has. */
  known: Map<string, Hold>;
  held: Hold[];
};

export async function readRuns(parts: Parts, runs: readonly RunHeader[]): Promise<{ readings: Reading[]; unread: RunHeader[] }> {
  const reachable: { run: RunHeader; epoch: number }[] = [];
  const unread: RunHeader[] = [];
  for (const run of runs) {
    const epoch = await parts.buckets.settledEpoch(run.bucket);
    if (epoch === undefined || !parts.buckets.isCurrent(run)) unread.push(run);
    else reachable.push({ run, epoch });
  }
  const replies = await parts.seats.snapshots(reachable, { records: true });
  const bits = await parts.ledger.readBits(reachable.map(({ run }) => run));
  const held = Map.groupBy(await parts.ledger.heldHolds(reachable.map(({ run }) => run)), ({ run_id }) => run_id);
  const ids = replies.flatMap((reply) => (reply.status === 'OK' ? reply.snapshot.records.map(({ hold_id }) => hold_id) : []));
  const known = await parts.ledger.findHolds(ids);
  const readings = replies.flatMap((reply, index): Reading[] => {
    const { run, epoch } = reachable[index]!;
    if (reply.status === 'OK') return [{ run, epoch, snapshot: reply.snapshot, bits: bits.get(run.run_id)!, known, held: held.get(run.run_id) ?? [] }];
    parts.buckets.suspect(run.bucket, reply.status);
    unread.push(run);
    return [];
  });
  return { readings, unread };
}

/** What Redis and ledger disagree on in a reading. Holds under way look the same, so only what stays counts. */
export function differencesOf(reading: Reading): Difference[] {
  const { run, snapshot, bits } = reading;
  const pending = placesOf(snapshot.records);
  return [
    ...snapshot.records.flatMap((record) => recordDifference(reading, record)),
    ...withoutRecord(reading).map((hold) => difference(run, { hold_id: hold.hold_id, order_id: hold.order_id, kind: 'HOLD_WITHOUT_RECORD', explanation: 'held in the ledger, unknown to Redis' })),
    ...compareSeats(snapshot.classes, bits.occupied, pending).map((found) => seatDifference(run, found)),
    ...compareStanding(snapshot.standing, bits.standing_used, run.standing_capacity, pendingStanding(reading)).map((segment) =>
      difference(run, { kind: 'SUM_MISMATCH', seat: 'standing', explanation: `standing places of segment ${segment} don't add up` })),
  ];
}

/** What Redis should have: the ledger, and the places of its own records that are still to be decided. */
export function expectedImage({ run, snapshot, bits, ...reading }: Reading): RunImage {
  const occupied = withPlaces(bits.occupied, placesOf(snapshot.records));
  const standing_used = standingUsed(bits.standing_used, pendingStanding({ run, snapshot, bits, ...reading }));
  return { run, occupied, standing_used, closed_quotas: snapshot.closed_quotas, records: [] };
}

export function withoutRecord({ snapshot, held }: Reading): Hold[] {
  const ids = new Set(snapshot.records.map(({ hold_id }) => hold_id));
  return held.filter(({ hold_id }) => !ids.has(hold_id));
}

/** Counters can't say whose they are: of standing places only those of holds that the ledger lacks come on top. */
function pendingStanding({ snapshot, known }: Reading): HeldPlace[] {
  return placesOf(snapshot.records.filter(({ hold_id }) => !isLive(known.get(hold_id))));
}

function isLive(hold: Hold | undefined): boolean {
  return hold?.state === 'HELD' || hold?.state === 'SOLD';
}

function placesOf(records: readonly SeatRecord[]): HeldPlace[] {
  return records.flatMap(({ places }) => places);
}

function recordDifference({ run, known }: Reading, { hold_id }: SeatRecord): Difference[] {
  const hold = known.get(hold_id);
  if (hold === undefined) return [difference(run, { hold_id, kind: 'HOLD_IN_REDIS_ONLY', explanation: 'placed by Redis, never committed' })];
  if (hold.state === 'HELD') return [];
  // Costs memory and nothing else; left behind when a process ends between the sale and Redis' half of it.
  if (hold.state === 'SOLD') return [difference(run, { hold_id, order_id: hold.order_id, kind: 'RECORD_OF_SOLD', explanation: 'sold, and Redis still has its record' })];
  return [difference(run, { hold_id, order_id: hold.order_id, kind: 'HOLD_OVER_IN_LEDGER', explanation: `the ledger has it as ${hold.state}` })];
}

function seatDifference(run: RunHeader, { class_code, index, mask, kind }: SeatDifference): Difference {
  const { coach_no, seat_no } = seatNameOf(run.layout, class_code, index);
  return difference(run, { seat: `${coach_no}/${seat_no}`, kind, explanation: `segments ${mask.toString(2).padStart(run.segments, '0')} (the last one first)` });
}

export function difference(run: RunHeader, fields: Partial<Difference> & Pick<Difference, 'kind' | 'explanation'>): Difference {
  return { run_id: run.run_id, seat: '', hold_id: '', order_id: '', repaired: false, ...fields };
}
