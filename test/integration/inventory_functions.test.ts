// The Redis Functions by themselves: what they refuse.
import test from 'ava';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { PlannedHold, RunImage, SeatStore } from '../../services/inventory/app/ports.ts';
import { countFree } from '../../services/inventory/domain/bitmap.ts';
import { layoutOfCoaches } from '../../services/inventory/domain/layout.ts';
import type { RunHeader } from '../../services/inventory/domain/run.ts';
import { openSeatStore } from '../../services/inventory/store/seats.ts';
import { coach } from '../../timetable/seats.ts';
import { freshRedis } from '../support/stack.ts';

let redis: RedisStore;
let seats: SeatStore;
let stopServer: () => Promise<void>;
test.before(async () => {
  const server = await freshRedis();
  stopServer = server.stop;
  redis = await openRedis({ url: server.url, log: silentLog(), service: 'test' });
  seats = await openSeatStore(redis.client);
});
test.after.always(async () => {
  await redis?.close();
  await stopServer?.();
});

const layout = layoutOfCoaches([{ ...coach(1, 'second', 10), quiet: false }]);
let buckets = 0;

function newRun(): RunHeader {
  buckets += 1;
  return { run_no: 1n, run_id: 'G1.20260115', bucket: buckets, service_date: '2026-01-15', timetable_version: '1', stops: [], segments: 3, layout, standing_capacity: 0, sale_start_ms: 0, sale_end_ms: 0, seats_at_opening: 10, quotas: [], open: true };
}

const imageOf = (run: RunHeader): RunImage => ({ run, occupied: new Map(), standing_used: [], closed_quotas: [], records: [] });

async function openedRun(epoch = 1): Promise<RunHeader> {
  const run = newRun();
  await seats.begin(run.bucket, epoch);
  await seats.openRuns(new Map([[run.bucket, epoch]]), [imageOf(run)]);
  await seats.finish(run.bucket, epoch);
  return run;
}

function holdOf(run: RunHeader, hold_id: string, body = 1): PlannedHold {
  const wish = { flags: [], letters: '', together: false, same_coach: false, required: false };
  return { hold_id, run, owner: 'ORDER', body_hash: new Uint8Array(16).fill(body), from: 0, to: 2, items: [{ id: '1', classes: ['3'], quotas: [] }], wish, changes: false, ttl_ms: 1000, account_id: '' };
}

async function place(run: RunHeader, planned: PlannedHold, epoch = 1) {
  const [reply] = await seats.hold([{ bucket: run.bucket, epoch, holds: [planned] }]);
  return reply!.status === 'OK' ? reply!.outcomes[0]! : reply!;
}

async function free(run: RunHeader): Promise<number> {
  const [reply] = await seats.snapshots([{ run, epoch: 1 }]);
  return reply!.status === 'OK' ? countFree(reply!.snapshot.classes.get(3)!, 0, 2) : -1;
}

test('a bucket that is missing, closed or of another epoch takes nothing, and says which', async (t) => {
  const run = newRun();
  t.is((await place(run, holdOf(run, 'a'))).status, 'LOST');
  await seats.begin(run.bucket, 2);
  t.is((await place(run, holdOf(run, 'a'), 2)).status, 'CLOSED');
  await seats.finish(run.bucket, 2);
  t.is((await place(run, holdOf(run, 'a'), 1)).status, 'EPOCH');
  t.is((await place(run, holdOf(run, 'a'), 2)).status, 'MISSING', 'a run that is not there is not sold out');
  t.is(await seats.begin(run.bucket, 1), 'EPOCH', 'an older process cannot take a bucket back');
});

test('a run that was left behind by an older epoch is missing in the newer one', async (t) => {
  const run = await openedRun(1);
  await seats.begin(run.bucket, 2);
  await seats.finish(run.bucket, 2);
  t.is((await place(run, holdOf(run, 'a'), 2)).status, 'MISSING');
  t.deepEqual(await seats.openRuns(new Map([[run.bucket, 1]]), [imageOf(run)]), ['EPOCH']);
});

test('opening a run again leaves what was sold from it', async (t) => {
  const run = await openedRun();
  await place(run, holdOf(run, 'a'));
  t.deepEqual(await seats.openRuns(new Map([[run.bucket, 1]]), [imageOf(run)]), ['EXISTS']);
  t.is(await free(run), 9);
});

test('seats are freed by the owner and version of their record only, and once', async (t) => {
  const run = await openedRun();
  const placed = await place(run, holdOf(run, 'a'));
  if (placed.status !== 'HELD') return t.fail(placed.status);
  const change = { hold_id: 'a', owner: 'ORDER' as const, seat_version: 1, freed: placed.places, stays: [] };
  t.is((await seats.release(run, 1, { ...change, seat_version: 2 })).status, 'NONE');
  t.is((await seats.release(run, 1, { ...change, owner: 'STANDBY' })).status, 'NONE');
  t.is(await free(run), 9);
  t.is((await seats.release(run, 1, change)).status, 'OK');
  await place(run, holdOf(run, 'b'));
  t.is((await seats.release(run, 1, change)).status, 'NONE', 'a repeat does not free the next one');
  t.is(await free(run), 9);
});

test('a hold is placed once for its id; another body is another hold', async (t) => {
  const run = await openedRun();
  const first = await place(run, holdOf(run, 'a'));
  const again = await place(run, holdOf(run, 'a'));
  if (first.status !== 'HELD' || again.status !== 'HELD') return t.fail();
  t.deepEqual([again.replayed, again.places], [true, first.places]);
  t.is((await place(run, holdOf(run, 'a', 2))).status, 'CONFLICT');
  t.is(await free(run), 9);
});

test('a repair is refused when the run has moved on since it was read', async (t) => {
  const run = await openedRun();
  const [before] = await seats.snapshots([{ run, epoch: 1 }]);
  if (before?.status !== 'OK') return t.fail();
  await place(run, holdOf(run, 'a'));
  t.is((await seats.repair(run, 1, before.snapshot.version, imageOf(run))).status, 'MOVED');
  t.is(await free(run), 9);
});

test('a version says in which epoch it came, so that it grows over epochs', async (t) => {
  const run = await openedRun(3);
  const [reply] = await seats.snapshots([{ run, epoch: 3 }]);
  t.is(reply?.status === 'OK' ? reply.snapshot.version : 0n, (3n << 32n) + 1n);
});
