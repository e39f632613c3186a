// The ledger's half of an exchange: one transaction in which the owner never has neither and nobody else one of both.
import test from 'ava';
import type { Clock } from '#kit/base/clock.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { LedgerRefused, type Ledger, type NewHold, type RunStore } from '../../services/inventory/app/ports.ts';
import type { HeldPlace, Hold } from '../../services/inventory/domain/hold.ts';
import type { RunHeader } from '../../services/inventory/domain/run.ts';
import { stockEvents } from '../../services/inventory/events/stock.ts';
import { openEpochs } from '../../services/inventory/store/epochs.ts';
import { openLedger } from '../../services/inventory/store/ledger/index.ts';
import { migrations } from '../../services/inventory/store/migrations.ts';
import { openRunStore } from '../../services/inventory/store/runs.ts';
import { coach } from '../../timetable/seats.ts';
import { freshDatabase } from '../support/stack.ts';

const clock: Clock = systemClock;
let db: Database;
let runs: RunStore;
let ledger: Ledger;
let epoch: number;
let stopServer: () => Promise<void>;
test.before(async () => {
  const server = await freshDatabase();
  stopServer = server.stop;
  const log = silentLog();
  await migrate(server.url, migrations, { log });
  db = await openDatabase({ url: server.url, log, service: 'test', multiple_statements: true });
  const events = stockEvents({ clock, random: systemRandom, layouts: (run_ids) => runs.find(run_ids) });
  runs = openRunStore({ db, clock, random: systemRandom, onChanged: events.publishRuns });
  ledger = openLedger({ db, clock, random: systemRandom, keep_ms: 1500, publish: events.publish });
  epoch = (await openEpochs({ db, owner: 'test', log, clock, random: systemRandom }).bump(0))!;
});
test.after.always(async () => {
  await db?.close();
  await stopServer?.();
});

let trains = 0;
async function newRun(): Promise<RunHeader> {
  const run_id = `X${(trains += 1)}.20260115`;
  const stops = Array.from({ length: 7 }, (_, index) => ({ station_id: `s${index}`, departure_ms: clock.now_ms() + 3_600_000 * (index + 1) }));
  const plan = { run_id, train_id: run_id, service_date: '2026-01-15', timetable_version: '1', stops, coaches: [{ ...coach(1, 'second', 10), quiet: false }], standing_capacity: 2, sale_start_ms: 0 };
  await runs.insert([{ plan, bucket: 0, quotas: [] }]);
  const run = (await runs.find([run_id])).get(run_id)!;
  await ledger.materialise(run);
  return run;
}

const seat = (index: number, from: number, to: number, item_id = '1'): HeldPlace => ({ item_id, class_code: 3, index, from, to });
const standing = (from: number, to: number): HeldPlace => ({ item_id: '1', class_code: 8, index: -1, from, to });

function newHold(run: RunHeader, hold_id: string, places: HeldPlace[], replaces?: Hold): NewHold {
  const wish = { flags: [], letters: '', together: false, same_coach: false, required: false };
  const planned = { hold_id: `${hold_id}-${run.run_id}`, run, owner: 'ORDER' as const, body_hash: new Uint8Array(16), from: 0, to: 1, items: [], wish, changes: false, ttl_ms: 60_000, account_id: '', replaces };
  return { planned, placed: { status: 'HELD', replayed: false, seat_version: 1, run_version: 1n, places } };
}

let sequence = 0n;
const commit = (...holds: NewHold[]) => ledger.commitHolds(holds, [{ bucket: 0, epoch, sequence: (sequence += 1n), part: 0 }]);
const one = async (hold: NewHold) => (await commit(hold))[0]!;

/** Occupied segments of each seat, as text, and standing places used. */
async function bitsOf(run: RunHeader): Promise<string> {
  const { occupied, standing_used } = (await ledger.readBits([run])).get(run.run_id)!;
  const seats = [...(occupied.get(3) ?? [])].map(([index, mask]) => `${index}:${mask.toString(2)}`);
  return [...seats, ...(standing_used.some((used) => used > 0) ? [standing_used.join('')] : [])].join(' ');
}

async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(() => undefined, (thrown: unknown) => thrown);
  return error instanceof LedgerRefused ? error.refusal : (error as Error | undefined)?.message;
}

test('held, then exchanged: the old row ends, the mask is the new one, both are told', async (t) => {
  const run = await newRun();
  const old = await one(newHold(run, 'old', [seat(0, 0, 4), standing(0, 2)]));
  const held = await one(newHold(run, 'new', [seat(0, 2, 6), seat(3, 0, 1, '2'), standing(1, 3)], old));
  t.like(held, { state: 'HELD', version: 1, order_id: '' });
  t.is(await bitsOf(run), '0:111100 3:1 011000');
  const after = (await ledger.findHolds([old.hold_id])).get(old.hold_id)!;
  t.like(after, { state: 'RELEASED', version: old.version + 1, seat_version: old.seat_version + 1 });
  t.deepEqual(after.places, [seat(0, 0, 2), standing(0, 1)], 'what is given back, so that a late release frees no more');
  const [due] = await db.query<{ reason: string; next_action_time: Date | null }>('SELECT reason, next_action_time FROM seat_hold WHERE hold_id = ?', [old.hold_id]);
  t.deepEqual({ ...due }, { reason: 'exchanged', next_action_time: null });
  const events = await db.query<{ type: string }>("SELECT type FROM outbox WHERE event_key = ? AND type LIKE '%Seats%' ORDER BY sequence", [run.run_id]);
  t.deepEqual(events.map(({ type }) => type.split('.').at(-1)), ['SeatsHeld', 'SeatsReleased', 'SeatsHeld']);
  const audit = await db.query<{ operation: string; target: string; result: string }>('SELECT operation, target, result FROM audit_record WHERE target LIKE ? ORDER BY audit_id', [`hold/%-${run.run_id}`]);
  t.deepEqual(audit.slice(1).map(({ operation, target, result }) => `${operation} ${target.split('-')[0]} ${result}`).toSorted(), ['inventory.Hold hold/new ok', 'inventory.Release hold/old exchanged']);
});

async function attach({ hold_id }: Hold, run: RunHeader): Promise<Hold> {
  return (await ledger.attach([{ hold_id, run, epoch, order_id: '7001' }]))[0] as Hold;
}

test('an order keeps what it exchanges: attached with its backstop, or sold', async (t) => {
  const run = await newRun();
  const old = await one(newHold(run, 'a', [seat(0, 0, 4)]));
  const attached = await attach(old, run);
  const next = await one(newHold(run, 'b', [seat(1, 0, 4)], attached));
  t.like(next, { state: 'HELD', order_id: '7001' });
  const backstops = await db.query("SELECT 1 FROM seat_hold WHERE hold_id = ? AND next_action_time > UTC_TIMESTAMP(3) + INTERVAL 29 MINUTE AND order_id = '7001'", [next.hold_id]);
  t.is(backstops.length, 1);
  const [sold] = await ledger.sell([{ hold_id: next.hold_id, run, epoch, order_id: '7001' }]);
  const last = await one(newHold(run, 'c', [seat(1, 2, 6)], sold as Hold));
  t.like(last, { state: 'SOLD', order_id: '7001' });
  t.is((await db.query("SELECT 1 FROM seat_hold WHERE hold_id = ? AND state = 'SOLD' AND next_action_time IS NULL", [last.hold_id])).length, 1);
  t.is(await bitsOf(run), '1:111100');
});

test('a seat lock that is taken over gives a hold like any other', async (t) => {
  const run = await newRun();
  const lock = newHold(run, 'lock', [seat(0, 0, 4)]);
  const old = await one({ ...lock, planned: { ...lock.planned, owner: 'SEAT_LOCK', account_id: '9' } });
  t.like(await one(newHold(run, 'mine', [seat(0, 0, 4)], old)), { state: 'HELD', owner: 'ORDER', order_id: '' });
  t.is(await bitsOf(run), '0:1111');
  t.deepEqual(await ledger.locksOf('9', run), []);
});

test('an old hold that has changed is not replaced, and nothing of the transaction stays', async (t) => {
  const run = await newRun();
  const old = await one(newHold(run, 'old', [seat(0, 0, 4)]));
  await attach(old, run);
  t.is(await refusalOf(commit(newHold(run, 'new', [seat(0, 2, 6)], old))), 'REPLACED');
  const released = await one(newHold(run, 'gone', [seat(1, 0, 4)]));
  await ledger.release({ hold_id: released.hold_id, run, epoch, item_ids: [], reason: 'test' });
  t.is(await refusalOf(commit(newHold(run, 'late', [seat(1, 2, 6)], { ...released, version: released.version + 1 }))), 'REPLACED', 'neither when its version is guessed');
  t.is(await bitsOf(run), '0:1111');
  t.is((await ledger.findHolds([`new-${run.run_id}`, `late-${run.run_id}`])).size, 0);
});

test('an exchange for a seat that somebody else has is refused whole', async (t) => {
  const run = await newRun();
  const old = await one(newHold(run, 'old', [seat(0, 0, 4)]));
  await commit(newHold(run, 'other', [seat(0, 4, 5)]));
  t.is(await refusalOf(commit(newHold(run, 'new', [seat(0, 2, 6)], old))), 'SEAT');
  t.is(await bitsOf(run), '0:11111');
  t.is((await ledger.findHolds([old.hold_id])).get(old.hold_id)?.state, 'HELD');
});

test('of two exchanges of one hold, one happens: together refused, at once decided by the row', async (t) => {
  const run = await newRun();
  const old = await one(newHold(run, 'old', [seat(0, 0, 4)]));
  const wishes = [newHold(run, 'b', [seat(0, 2, 6)], old), newHold(run, 'c', [seat(0, 3, 6)], old)];
  t.is(await refusalOf(commit(...wishes)), 'REPLACED');
  const outcomes = await Promise.all(wishes.map((wish) => refusalOf(commit(wish))));
  t.deepEqual(outcomes.toSorted(), ['REPLACED', undefined]);
  t.is(await bitsOf(run), outcomes[0] === undefined ? '0:111100' : '0:111000');
});
