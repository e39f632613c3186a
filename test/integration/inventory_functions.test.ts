// The Redis Functions by themselves: what they refuse.
import test from 'ava';
import fc from 'fast-check';
import { openRedis, type RedisStore } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { PlannedHold, RunImage, SeatStore } from '../../services/inventory/app/ports.ts';
import { countFree } from '../../services/inventory/domain/bitmap.ts';
import { layoutOfCoaches } from '../../services/inventory/domain/layout.ts';
import { ReferenceModel } from '../../services/inventory/domain/reference_model.ts';
import type { RunHeader } from '../../services/inventory/domain/run.ts';
import { runKeys } from '../../services/inventory/store/seat_keys.ts';
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

const wide_layout = layoutOfCoaches([{ ...coach(1, 'first', 40), quiet: false }, { ...coach(2, 'second', 33), quiet: false }]);
const wide_stretch = fc.tuple(fc.nat(63), fc.nat(63)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }));
const wide_step = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('hold' as const), at: wide_stretch, classes: fc.constantFrom<string[]>(['2'], ['3'], ['3', '2']), count: fc.integer({ min: 1, max: 4 }) }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant('release' as const), target: fc.nat(100) }), weight: 1 },
  // What another server would know of the run: nothing.
  { arbitrary: fc.record({ kind: fc.constant('forget' as const) }), weight: 1 },
);

test('runs of 64 segments and classes of more than a word, with and without what the server remembers', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(wide_step, { minLength: 20, maxLength: 80 }), async (steps) => {
      const run = { ...newRun(), layout: wide_layout, segments: 64, run_id: `W${buckets}.20260115` };
      await seats.begin(run.bucket, 1);
      await seats.openRuns(new Map([[run.bucket, 1]]), [imageOf(run)]);
      await seats.finish(run.bucket, 1);
      const model = new ReferenceModel({ segments: 64, seats: new Map([[2, 40], [3, 33]]), standing: 0 });
      const held: PlannedHold[] = [];
      for (const [index, step] of steps.entries()) {
        if (step.kind === 'forget') await redis.client.hset(runKeys(run)[0], 'at', `${await redis.client.hget(runKeys(run)[0], 'at')}.`);
        else if (step.kind === 'release') await giveBack(run, model, held[step.target % held.length]);
        else await holdWide(run, model, held, { ...step, id: `w${index}` });
      }
      const [reply] = await seats.snapshots([{ run, epoch: 1 }]);
      if (reply?.status !== 'OK') throw new Error('no snapshot');
      for (const [class_code, bits] of reply.snapshot.classes) {
        for (const [from, to] of [[0, 64], [0, 1], [63, 64], [31, 33], [10, 50]] as const) {
          if (countFree(bits, from, to) !== model.remaining(class_code, from, to)) throw new Error(`class ${class_code} ${from}-${to}: ${countFree(bits, from, to)} left`);
        }
      }
    }),
    { numRuns: 30 },
  );
  t.pass();
});

type Wide = { id: string; at: { from: number; to: number }; classes: string[]; count: number };

async function holdWide(run: RunHeader, model: ReferenceModel, held: PlannedHold[], { id, at, classes, count }: Wide): Promise<void> {
  const items = Array.from({ length: count }, (_, index) => ({ id: String(index + 1), classes, quotas: [] }));
  const planned = { ...holdOf(run, id), ...at, items };
  const tight = count === 1 && classes.length === 1 && tightSeats(model, Number(classes[0]), at.from, at.to).length > 0;
  const fits = model.fits(items.map(({ classes: codes }) => ({ classes: codes.map(Number) })), at.from, at.to);
  const outcome = await place(run, planned);
  if ((outcome.status === 'HELD') !== fits) throw new Error(`${outcome.status}, the model says ${fits}`);
  if (outcome.status !== 'HELD') return;
  if (tight && !tightSeats(model, Number(classes[0]), at.from, at.to).includes(outcome.places[0]!.index)) throw new Error('a longer free stretch was broken than needed');
  const problem = model.hold(id, [...outcome.places]);
  if (problem !== undefined) throw new Error(problem);
  held.push(planned);
}

/** Free seats whose neighbouring segments are taken: nothing longer is broken by them. */
function tightSeats(model: ReferenceModel, class_code: number, from: number, to: number): number[] {
  const seats_of = Array.from({ length: model.run.seats.get(class_code)! }, (_, seat) => seat);
  const end = (seat: number, segment: number) => segment < 0 || segment >= model.run.segments || !model.isFree(class_code, seat, segment, segment + 1);
  return seats_of.filter((seat) => model.isFree(class_code, seat, from, to) && end(seat, from - 1) && end(seat, to));
}

async function giveBack(run: RunHeader, model: ReferenceModel, planned: PlannedHold | undefined): Promise<void> {
  if (planned === undefined) return;
  await seats.release(run, 1, { hold_id: planned.hold_id, owner: planned.owner, seat_version: 1, freed: 'ALL', stays: [] });
  model.release(planned.hold_id);
}
