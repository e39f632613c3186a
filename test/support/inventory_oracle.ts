/**
 * Judges the seat inventory from outside: the ledger by plain SQL, Redis by counting bits. Knows nothing of how the service
 * works; only `readRedis` says how the bits of a run are got hold of.
 */
import type { Database } from '#kit/store/mysql.ts';
import type { SeatStore } from '../../services/inventory/app/ports.ts';
import type { RunHeader } from '../../services/inventory/domain/run.ts';
import { seatNoOf } from '../../services/inventory/domain/place.ts';

/** What callers were told of a hold and may rely on. */
export type Told = {
  hold_id: string;
  /** States in which the ledger may have it now: what was acknowledged last, and what was asked since without an answer. */
  states: readonly string[];
  /** Places as answered, `<item> <coach>/<seat> <from>-<to>`; undefined where no answer named them. */
  places?: readonly string[];
};

export type InventoryStores = { db: Database; seats: SeatStore; runs: () => Promise<RunHeader[]> };

/** What one run looks like in Redis. */
type RedisRun = {
  /** Taken segments by `<class>/<seat>`; free seats are left out. */
  taken: Map<string, bigint>;
  /** Free standing places by segment. */
  standing_free: readonly number[];
  records: readonly string[];
};

type StoredPlace = [item_id: string, class_code: number, seat: number, from: number, to: number];
type HoldRow = { hold_id: string; run_no: bigint; state: string; places: string };

/** Every broken promise in words; none when all is well. For times at which nothing is under way. */
export async function examineInventory(stores: InventoryStores, told: readonly Told[] = []): Promise<string[]> {
  const runs = await stores.runs();
  const held = await liveHolds(stores.db);
  return [...held.findings, ...(await ledgerFindings(stores.db, held)), ...(await redisFindings(stores, runs)), ...(await toldFindings(stores.db, runs, told))];
}

/** Promises that hold at any moment: no seat has two holders on a segment, and the masks are those of the live holds. */
export async function examineLedger(db: Database): Promise<string[]> {
  const held = await liveHolds(db);
  return [...held.findings, ...(await ledgerFindings(db, held))];
}

/**
 * What Redis calls free though the ledger has it as taken: never, at no moment of an orderly world, dead or alive (DESIGN §4,
 * order of writes). For times at which no process runs, since the two are read one after the other.
 */
export async function freeInRedisOnly(stores: InventoryStores): Promise<string[]> {
  const findings: string[] = [];
  for (const run of await stores.runs()) {
    const { taken } = await readRedis(stores, run);
    const rows = await stores.db.query<{ class_code: number; seat: number; occupied: bigint }>('SELECT class_code, seat, occupied FROM seat_ledger WHERE run_no = ? AND occupied <> 0', [run.run_no]);
    for (const { class_code, seat, occupied } of rows) {
      const free = occupied & ~(taken.get(`${class_code}/${seat}`) ?? 0n);
      if (free !== 0n) findings.push(`${run.run_id} seat ${class_code}/${seat} is free in Redis on ${free} and taken in the ledger`);
    }
  }
  return findings;
}

/** Seats, or parts of them, that somebody has; 0 when everything was given back. */
export async function occupiedSegments({ db, seats, runs }: InventoryStores): Promise<{ ledger: number; redis: number }> {
  const [row] = await db.query<{ bits: string | null }>('SELECT SUM(BIT_COUNT(occupied)) AS bits FROM seat_ledger');
  const [standing] = await db.query<{ used: string | null }>('SELECT SUM(used) AS used FROM standing_ledger');
  let redis = 0;
  for (const run of await runs()) {
    const { taken, standing_free } = await readRedis({ db, seats }, run);
    for (const mask of taken.values()) redis += ones(mask);
    for (const free of standing_free) redis += run.standing_capacity - free;
  }
  return { ledger: Number(row?.bits ?? 0) + Number(standing?.used ?? 0), redis };
}

/** One run as Redis has it now. */
async function readRedis({ db, seats }: Pick<InventoryStores, 'db' | 'seats'>, run: RunHeader): Promise<RedisRun> {
  const [row] = await db.query<{ epoch: number }>('SELECT epoch FROM bucket_epoch WHERE bucket = ?', [run.bucket]);
  const [reply] = await seats.snapshots([{ run, epoch: row?.epoch ?? 0 }], { records: true });
  if (reply?.status !== 'OK') throw new Error(`Redis says ${reply?.status} of run ${run.run_id}`);
  const taken = new Map<string, bigint>();
  for (const [class_code, { seats: count, segments, words, rows }] of reply.snapshot.classes) {
    for (let seat = 0; seat < count; seat += 1) {
      let mask = 0n;
      for (let segment = 0; segment < segments; segment += 1) if (((rows[segment * words + (seat >>> 5)]! >>> (seat & 31)) & 1) === 0) mask |= 1n << BigInt(segment);
      if (mask !== 0n) taken.set(`${class_code}/${seat}`, mask);
    }
  }
  return { taken, standing_free: reply.snapshot.standing, records: reply.snapshot.records.map(({ hold_id }) => hold_id) };
}

type Held = { masks: Map<string, bigint>; standing: Map<string, number>; findings: string[] };

/** The OR of all live holds, seat by seat, and every seat that two of them have. */
async function liveHolds(db: Database): Promise<Held> {
  const rows = await db.query<HoldRow>("SELECT hold_id, run_no, state, places FROM seat_hold WHERE state IN ('HELD', 'SOLD')");
  const held: Held = { masks: new Map(), standing: new Map(), findings: [] };
  for (const { hold_id, run_no, places } of rows) {
    for (const [, class_code, seat, from, to] of JSON.parse(places) as StoredPlace[]) {
      for (let segment = from; segment < to && seat < 0; segment += 1) add(held.standing, `${run_no}/${segment}`, 1);
      if (seat < 0) continue;
      const key = `${run_no}/${class_code}/${seat}`;
      const before = held.masks.get(key) ?? 0n;
      if ((before & maskOf(from, to)) !== 0n) held.findings.push(`seat ${key} is held twice, by ${hold_id} and another`);
      held.masks.set(key, before | maskOf(from, to));
    }
  }
  return held;
}

async function ledgerFindings(db: Database, { masks, standing }: Held): Promise<string[]> {
  const findings: string[] = [];
  const left = new Map(masks);
  const rows = await db.query<{ run_no: bigint; class_code: number; seat: number; occupied: bigint }>('SELECT run_no, class_code, seat, occupied FROM seat_ledger WHERE occupied <> 0');
  for (const { run_no, class_code, seat, occupied } of rows) {
    const key = `${run_no}/${class_code}/${seat}`;
    if ((left.get(key) ?? 0n) !== occupied) findings.push(`the ledger has ${key} occupied on ${occupied}, its holds on ${left.get(key) ?? 0n}`);
    left.delete(key);
  }
  for (const [key, mask] of left) findings.push(`${key} is held on ${mask} and free in the ledger`);
  const counters = await db.query<{ run_no: bigint; segment: number; used: number; capacity: number }>('SELECT run_no, segment, used, capacity FROM standing_ledger');
  for (const { run_no, segment, used, capacity } of counters) {
    const counted = standing.get(`${run_no}/${segment}`) ?? 0;
    if (used !== counted || used > capacity) findings.push(`standing ${run_no}/${segment}: ${used} of ${capacity} used, ${counted} held`);
  }
  return findings;
}

/** At rest Redis has exactly the ledger's bits, and a record for each hold that is held and not sold. */
async function redisFindings(stores: InventoryStores, runs: readonly RunHeader[]): Promise<string[]> {
  const findings: string[] = [];
  for (const run of runs) {
    const { taken, standing_free, records } = await readRedis(stores, run);
    const rows = await stores.db.query<{ class_code: number; seat: number; occupied: bigint }>('SELECT class_code, seat, occupied FROM seat_ledger WHERE run_no = ? AND occupied <> 0', [run.run_no]);
    const ledger = new Map(rows.map(({ class_code, seat, occupied }) => [`${class_code}/${seat}`, occupied]));
    for (const key of new Set([...taken.keys(), ...ledger.keys()])) {
      const [redis_mask, ledger_mask] = [taken.get(key) ?? 0n, ledger.get(key) ?? 0n];
      if (redis_mask !== ledger_mask) findings.push(`${run.run_id} seat ${key}: taken on ${redis_mask} in Redis, on ${ledger_mask} in the ledger`);
    }
    const used = new Map((await stores.db.query<{ segment: number; used: number }>('SELECT segment, used FROM standing_ledger WHERE run_no = ?', [run.run_no])).map((row) => [row.segment, row.used]));
    standing_free.forEach((free, segment) => {
      if (free !== run.standing_capacity - (used.get(segment) ?? 0)) findings.push(`${run.run_id} segment ${segment}: ${free} standing places free in Redis, ${used.get(segment) ?? 0} used in the ledger`);
    });
    const held = (await stores.db.query<{ hold_id: string }>("SELECT hold_id FROM seat_hold WHERE run_no = ? AND state = 'HELD'", [run.run_no])).map(({ hold_id }) => hold_id);
    const differing = new Set(records).symmetricDifference(new Set(held));
    if (differing.size > 0) findings.push(`${run.run_id}: records in Redis and held holds differ by ${[...differing].join(', ')}`);
  }
  return findings;
}

/** Nothing that was acknowledged is lost, and nothing that was given back is held again. */
async function toldFindings(db: Database, runs: readonly RunHeader[], told: readonly Told[]): Promise<string[]> {
  const by_no = new Map(runs.map((run) => [run.run_no, run]));
  const rows = await db.query<HoldRow>('SELECT hold_id, run_no, state, places FROM seat_hold');
  const holds = new Map(rows.map((row) => [row.hold_id, row]));
  return told.flatMap(({ hold_id, states, places }) => {
    const hold = holds.get(hold_id);
    const state = hold?.state ?? 'NONE';
    if (!states.includes(state)) return [`hold ${hold_id} is ${state}, its caller was told ${states.join(' or ')}`];
    if (places === undefined || hold === undefined || (state !== 'HELD' && state !== 'SOLD')) return [];
    const now = placesOf(by_no.get(hold.run_no)!, hold.places);
    return now.join() === places.toSorted().join() ? [] : [`hold ${hold_id} has ${now.join()}, its caller was told ${places.join()}`];
  });
}

function placesOf(run: RunHeader, places: string): string[] {
  return (JSON.parse(places) as StoredPlace[])
    .map(([item_id, class_code, index, from, to]) => {
      const seat = run.layout.classes.find(({ code }) => code === class_code)?.seats[index];
      const name = seat === undefined ? '/' : `${String(seat.coach_no).padStart(2, '0')}/${seatNoOf(seat)}`;
      return `${item_id} ${name} ${from}-${to}`;
    })
    .sort();
}

function maskOf(from: number, to: number): bigint {
  return ((1n << BigInt(to - from)) - 1n) << BigInt(from);
}

function ones(mask: bigint): number {
  return mask.toString(2).replaceAll('0', '').length;
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
