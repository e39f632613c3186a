// What travels to and from the Redis Functions.
import { toHex } from '#kit/base/bytes.ts';
import type { PlaceOutcome, PlannedHold, RunImage, RunSnapshot, SeatRecord } from '../app/ports.ts';
import { decodeBits, encodeBits, freeBits, type ClassBits } from '../domain/bitmap.ts';
import type { HeldPlace, HoldOwner } from '../domain/hold.ts';
import type { RunHeader } from '../domain/run.ts';

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

/** `run_index` says which of the call's runs the hold is on. */
export function holdToWire(hold: PlannedHold, run_index: number): object {
  const { hold_id: id, owner, from, to, items, wish, changes } = hold;
  return { id, run: run_index, body: toHex(hold.body_hash), owner, from, to, items, wish, changes };
}

type WireOutcome = { s: string; replay?: boolean; v?: number; r?: string; p?: WirePlace[] };

export function outcomesFromWire(text: string): PlaceOutcome[] {
  return (JSON.parse(text) as WireOutcome[]).map(({ s, replay, v, r, p }) => {
    if (s !== 'HELD') return { status: s as 'SOLD_OUT' };
    return { status: 'HELD', replayed: replay === true, seat_version: v ?? 1, run_version: BigInt(r ?? 0), places: placesFromWire(p ?? []) };
  });
}

export function recordToJson(record: SeatRecord): string {
  const places = record.places.map(({ item_id, class_code, index, from, to }): WirePlace => [item_id, class_code, index, from, to]);
  return JSON.stringify({ v: record.seat_version, o: record.owner, b: record.body, p: places });
}

function recordFromJson(hold_id: string, text: string): SeatRecord {
  const { v, o, b, p } = JSON.parse(text) as { v: number; o: HoldOwner; b: string; p: WirePlace[] };
  return { hold_id, seat_version: v, owner: o, body: b, places: placesFromWire(p) };
}

/** The bitmaps of a run as the ledger has it, by class code. */
export function bitsOfImage({ run, occupied }: Pick<RunImage, 'run' | 'occupied'>): Map<number, ClassBits> {
  return new Map(run.layout.classes.map(({ code, seats }) => [code, freeBits(seats.length, run.segments, occupied.get(code))]));
}

/** Bitmaps and counters as pairs of field and value. */
export function bitFields(image: RunImage): (string | Buffer)[] {
  const fields: (string | Buffer)[] = [];
  for (const [code, bits] of bitsOfImage(image)) fields.push(`c${code}`, Buffer.from(encodeBits(bits).buffer));
  if (image.run.standing_capacity > 0) {
    const counts = Buffer.alloc(image.run.segments * 2);
    for (let segment = 0; segment < image.run.segments; segment += 1) {
      counts.writeUInt16LE(image.run.standing_capacity - (image.standing_used[segment] ?? 0), segment * 2);
    }
    fields.push('standing', counts);
  }
  return fields;
}

/** Versions of an epoch begin here, so that a version alone grows over epochs too. Exact up to epoch 23,000 in Lua's JSON. */
export function firstVersion(epoch: number): bigint {
  return (BigInt(epoch) << 32n) + 1n;
}

/** Reads an answer of the function `snapshot`; `run` says how many seats a class has. Throws when bitmaps don't fit the run. */
export function snapshotFromWire(run: RunHeader, answer: readonly unknown[]): RunSnapshot {
  const [, version, open, segments_text, standing, class_count] = answer as [unknown, Buffer, Buffer, Buffer, Buffer, number];
  const segments = Number(segments_text);
  const classes = new Map<number, ClassBits>();
  for (let index = 0; index < class_count; index += 1) {
    const code = Number(answer[6 + index * 2] as Buffer);
    const seats = run.layout.classes.find((entry) => entry.code === code)?.seats.length ?? 0;
    const bits = decodeBits(answer[7 + index * 2] as Buffer, seats, segments);
    if (bits === undefined) throw new Error(`bitmaps of run ${run.run_id} don't fit its layout`);
    classes.set(code, bits);
  }
  const records: SeatRecord[] = [];
  for (let index = 6 + class_count * 2; index < answer.length; index += 2) records.push(recordFromJson(String(answer[index]), String(answer[index + 1])));
  const counts = Array.from({ length: standing.length / 2 }, (_, segment) => standing.readUInt16LE(segment * 2));
  return { version: BigInt(String(version)), open: String(open) === '1', segments, standing: counts, classes, records };
}
