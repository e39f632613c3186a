// What travels to and from the Redis Functions.
import { toHex } from '#kit/base/bytes.ts';
import type { PlaceOutcome, PlannedHold, RunImage, RunSnapshot, SeatRecord } from '../app/ports.ts';
import { freeBits, type ClassBits } from '../domain/bitmap.ts';
import type { HeldPlace, HoldOwner } from '../domain/hold.ts';
import type { ClosedQuota } from '../domain/quota.ts';
import type { RunHeader } from '../domain/run.ts';
import { decodeSeats, encodeSeats, seatBytes } from '../domain/seat_bytes.ts';

type WirePlace = [item_id: string, class_code: number, index: number, from: number, to: number];

export function placesToJson(places: readonly HeldPlace[]): string {
  return JSON.stringify(places.map(({ item_id, class_code, index, from, to }): WirePlace => [item_id, class_code, index, from, to]));
}

export function placesFromJson(text: string): HeldPlace[] {
  return placesFromWire(JSON.parse(text) as WirePlace[]);
}

function placesFromWire(places: readonly WirePlace[]): HeldPlace[] {
  return places.map(([item_id, class_code, index, from, to]) => ({ item_id, class_code, index, from, to }));
}

type WireItem = [id: string, classes: readonly string[], quotas?: readonly number[], seat?: readonly [class_code: number, index: number]];
type WireMore = { wish?: PlannedHold['wish']; changes?: true; follows?: true; replaces?: [field: string, owner: HoldOwner, seat_version: number] };
type WireHold = [field: string, body: string, owner: HoldOwner, from: number, to: number, items: WireItem[], more?: WireMore];

/**
 * A hold as the Function reads it: in the order of its parts, and what is not usual only where it is there, since each byte
 * is decoded by the one thread that all runs share. Item ids are checked to need no escaping (app/plan_hold.ts).
 */
export function holdToWire(hold: PlannedHold): WireHold {
  const { hold_id, body_hash, owner, from, to, items, wish, changes, follows, replaces } = hold;
  const list = items.map(({ id, classes, quotas, seat }): WireItem => (seat === undefined ? (quotas.length === 0 ? [id, classes] : [id, classes, quotas]) : [id, classes, quotas, seat]));
  const more: WireMore = {};
  if (wish.flags.length > 0 || wish.letters !== '' || wish.together || wish.same_coach) more.wish = wish;
  if (changes) more.changes = true;
  if (follows === true) more.follows = true;
  if (replaces !== undefined) more.replaces = [recordField(replaces.hold_id), replaces.owner, replaces.seat_version];
  const usual: WireHold = [recordField(hold_id), toHex(body_hash), owner, from, to, list];
  if (Object.keys(more).length > 0) usual.push(more);
  return usual;
}

type WireOutcome = WirePlace[] | { s: string; v?: number; p?: WirePlace[] };

/** What the Function answers: for each run its version after the call and the outcomes of its holds. A list of places is a new hold. */
export function outcomesFromWire(text: string): PlaceOutcome[] {
  return (JSON.parse(text) as [version: string, outcomes: WireOutcome[]][]).flatMap(([version, outcomes]) => {
    const run_version = BigInt(version);
    return outcomes.map((outcome): PlaceOutcome => {
      if (Array.isArray(outcome)) return { status: 'HELD', replayed: false, seat_version: 1, run_version, places: placesFromWire(outcome) };
      const { s, v, p } = outcome;
      return s === 'HELD' ? { status: 'HELD', replayed: true, seat_version: v ?? 1, run_version, places: placesFromWire(p ?? []) } : { status: s as 'SOLD_OUT' };
    });
  });
}

const RECORD = 'h:';

/** The field of a hold's record in its run's state. */
export function recordField(hold_id: string): string {
  return RECORD + hold_id;
}

export function recordToJson(record: SeatRecord): string {
  const places = record.places.map(({ item_id, class_code, index, from, to }): WirePlace => [item_id, class_code, index, from, to]);
  return JSON.stringify({ v: record.seat_version, o: record.owner, b: record.body, p: places });
}

export function recordFromJson(hold_id: string, text: string): SeatRecord {
  const { v, o, b, p } = JSON.parse(text) as { v: number; o: HoldOwner; b: string; p: WirePlace[] };
  return { hold_id, seat_version: v, owner: o, body: b, places: placesFromWire(p) };
}

/** The seats of a run as the ledger has it, class after class in the order of their codes. */
export function seatsOfImage({ run, occupied }: Pick<RunImage, 'run' | 'occupied'>): Buffer {
  return Buffer.concat(run.layout.classes.map(({ code, seats }) => encodeSeats(freeBits(seats.length, run.segments, occupied.get(code)))));
}

/** Counters and quotas as pairs of field and value. */
export function stateFields(image: RunImage): (string | Buffer)[] {
  const fields: (string | Buffer)[] = ['quotas', quotasToWire(image.closed_quotas)];
  if (image.run.standing_capacity > 0) {
    const counts = Buffer.alloc(image.run.segments * 2);
    for (let segment = 0; segment < image.run.segments; segment += 1) {
      counts.writeUInt16LE(image.run.standing_capacity - (image.standing_used[segment] ?? 0), segment * 2);
    }
    fields.push('standing', counts);
  }
  return fields;
}

/** `number:class:first seat:count`, separated by `;`. */
export function quotasToWire(quotas: readonly ClosedQuota[]): string {
  return quotas.map(({ number, class_code, first, count }) => [number, class_code, first, count].join(':')).join(';');
}

function quotasFromWire(text: string): ClosedQuota[] {
  if (text === '') return [];
  return text.split(';').map((one) => {
    const [number = 0, class_code = 0, first = 0, count = 0] = one.split(':').map(Number);
    return { number, class_code, first, count };
  });
}

/** Versions of an epoch begin here, so that a version alone grows over epochs too. Exact up to epoch 23,000 in Lua's JSON. */
export function firstVersion(epoch: number): bigint {
  return (BigInt(epoch) << 32n) + 1n;
}

/** Reads an answer of the function `snapshot`; `run` says how many seats a class has. Throws when they don't fit the run. */
export function snapshotFromWire(run: RunHeader, answer: readonly unknown[]): RunSnapshot {
  const [, at, open, segments_text, standing, quotas, seats] = answer as [unknown, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
  const segments = Number(segments_text);
  const classes = new Map<number, ClassBits>();
  let start = 0;
  for (const { code, seats: list } of run.layout.classes) {
    const end = start + seatBytes(list.length, segments);
    classes.set(code, decodeSeats(seats.subarray(start, end), list.length, segments));
    start = end;
  }
  const records: SeatRecord[] = [];
  for (let index = 7; index < answer.length; index += 2) records.push(recordFromJson(String(answer[index]).slice(RECORD.length), String(answer[index + 1])));
  const counts = Array.from({ length: standing.length / 2 }, (_, segment) => standing.readUInt16LE(segment * 2));
  return { version: BigInt(String(at).split(' ')[0]!), open: String(open) === '1', segments, standing: counts, classes, closed_quotas: quotasFromWire(String(quotas)), records };
}
