// What the railway changes of runs on sale: nothing void is sold from then on, and whoever has a place is found and told of.
import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { RunCancelledSchema, RunCoachesChangedSchema, RunRestoredSchema, RunTimesChangedSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { HoldOwner, HoldState, SeatConflictKind } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { layoutId } from '../../timetable/seats.ts';
import { eventually } from '../support/processes.ts';
import { openInventory, second, testRun, type InventoryWorld, type TestRun } from './inventory_world.ts';

let world: InventoryWorld;
let other: InventoryWorld['client'];
test.before(async () => {
  world = await openInventory();
  other = await world.another();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
let holds = 0;
let revision = 10n;

const newRun = (options: Parameters<typeof testRun>[1] = {}) => testRun(`RC${(trains += 1)}`, options);

/** The railway says something else of a run. */
function say(run: TestRun, changes: Partial<TestRun>): bigint {
  revision += 1n;
  world.timetable.set(run.runId!, { ...run, ...changes, revision } as TestRun);
  world.railway.changes.push({ runId: run.runId!, revision });
  return revision;
}

/** Buying, as order does: a bucket that is just being brought up to date is asked again. */
async function buy(runId: string, wish: Wish = {}): Promise<string> {
  return eventually(() => buyOnce(runId, wish).catch((error: unknown) => {
    if (!(error instanceof RpcError) || error.reason !== 'SHARD_CLOSED') throw error;
    return undefined;
  }));
}

type Wish = { order?: string; sold?: boolean; seat?: [coach_no: string, seat_no: string]; seatClass?: SeatClass; client?: InventoryWorld['client'] };

async function buyOnce(runId: string, { order = '', sold = false, seat, seatClass = SeatClass.SECOND, client = world.client }: Wish = {}) {
  const holdId = `rc-${(holds += 1)}`;
  const items = seat === undefined ? [{ itemId: '1', seatClasses: [seatClass] }] : [{ itemId: '1', seat: { coachNo: seat[0], seatNo: seat[1], seatClass } }];
  await client.holdSeats({ holdId, runId, fromStationId: 's0', toStationId: 's2', items, owner: HoldOwner.ORDER });
  if (order !== '') await client.attachOrder({ holdId, runId, orderId: order, owner: HoldOwner.ORDER });
  if (sold) await client.sellHold({ holdId, runId, orderId: order });
  return holdId;
}

const reasonOf = async (call: Promise<unknown>) => call.then(() => 'OK', (error: unknown) => (error instanceof RpcError ? error.reason : String(error)));

/** Events of a type about a run, as they left with the ledger's transactions. */
async function told<S extends DescMessage>(schema: S, run_id: string): Promise<MessageShape<S>[]> {
  const rows = await world.db.query<{ payload: Buffer }>('SELECT payload FROM outbox WHERE type = ? AND event_key = ? ORDER BY sequence', [schema.typeName, run_id]);
  return rows.map(({ payload }) => fromBinary(schema, payload));
}

const remaining = async (runId: string, seatClass: SeatClass = SeatClass.SECOND) =>
  (await world.client.getRemaining({ runId, stretches: [{ fromIndex: 0, toIndex: 2 }] })).remaining.find((one) => one.seatClass === seatClass)?.remaining;

async function conflictsOf(runId: string) {
  const { conflicts } = await world.ops.listSeatConflicts({ runId });
  return conflicts;
}

test('a cancelled run sells nothing more anywhere; its orders are found, what nobody ordered is given back, and it can run again', async (t) => {
  const run = newRun();
  const runId = await world.open(run);
  const sold = await buy(runId, { order: '11', sold: true });
  const unpaid = await buy(runId, { order: '12' });
  const unowned = await buy(runId);
  const at = say(run, { saleState: SaleState.CANCELLED, changeReasonZh: '暴雨', changeReasonEn: 'heavy rain' });
  const [event] = await eventually(async () => (await told(RunCancelledSchema, runId)).length > 0 && (await told(RunCancelledSchema, runId)));
  t.like(event, { serviceDate: run.serviceDate!, reasonZh: '暴雨', reasonEn: 'heavy rain', revision: at, part: 1, partCount: 1 });
  t.deepEqual(event!.orders.map(({ orderId, holdId, holdState }) => [orderId, holdId, holdState]).toSorted(), [['11', sold, 'SOLD'], ['12', unpaid, 'HELD']]);
  t.is(event!.orders[0]!.seats[0]!.toIndex, 2);
  for (const client of [world.client, other]) await eventually(async () => (await reasonOf(buy(runId, { client }))) === 'RUN_CANCELLED');
  t.is((await world.client.getHold({ holdId: unowned, runId })).hold!.state, HoldState.RELEASED);
  t.is(await reasonOf(world.client.sellHold({ holdId: unpaid, runId, orderId: '12' })), 'HOLD_EXPIRED', 'whoever pays now gets the money back');
  t.is(await reasonOf(world.client.sellHold({ holdId: sold, runId, orderId: '11' })), 'OK', 'a repeat is answered as before');
  t.deepEqual((await conflictsOf(runId)).map(({ kind, orderId, sold: is_sold }) => [kind, orderId, is_sold]).toSorted(), [[SeatConflictKind.RUN_CANCELLED, '11', true], [SeatConflictKind.RUN_CANCELLED, '12', false]]);
  await world.aftersales.releaseHold({ holdId: sold, runId, owner: HoldOwner.ORDER, reason: 'refunded' });
  t.deepEqual((await conflictsOf(runId)).map(({ orderId }) => orderId), ['12'], 'a conflict ends with its refund');

  say(run, {});
  await eventually(async () => (await told(RunRestoredSchema, runId)).length === 1);
  for (const client of [world.client, other]) await eventually(async () => (await reasonOf(buy(runId, { client }))) === 'OK');
  t.deepEqual(await conflictsOf(runId), []);
  const audit = await world.db.query<{ target: string; version: bigint }>("SELECT target, version FROM audit_record WHERE operation = 'inventory.ChangeRun' AND target LIKE ?", [`run/${runId}%`]);
  t.is(audit.length, 2);
});

test('a moved stop changes what is sold and tells the orders that board or leave there, once', async (t) => {
  const run = newRun();
  const runId = await world.open(run);
  await buy(runId, { order: '21', sold: true });
  const holdId = 'rc-later';
  await world.hold({ holdId, runId, fromStationId: 's3', toStationId: 's4' });
  await world.client.attachOrder({ holdId, runId, orderId: '22', owner: HoldOwner.ORDER });
  const [was] = [timestampMs(run.stops![2]!.arrivalTime as never)];
  const stops = run.stops!.map((stop, index) => (index === 2 ? { ...stop, arrivalTime: timestampFromMs(was + 600_000), departureTime: timestampFromMs(was + 1_200_000) } : stop));
  const at = say(run, { stops, changeReasonZh: '限速' });
  const [event] = await eventually(async () => (await told(RunTimesChangedSchema, runId)).length > 0 && (await told(RunTimesChangedSchema, runId)));
  t.is(event!.revision, at);
  t.deepEqual(event!.stops.map(({ index, stationId }) => [index, stationId]), [[2, 's2']]);
  t.deepEqual([timestampMs(event!.stops[0]!.previousArrivalTime!), timestampMs(event!.stops[0]!.arrivalTime!)], [was, was + 600_000]);
  t.deepEqual(event!.orders.map(({ orderId }) => orderId), ['21'], 'the other one neither boards nor leaves there');
  t.is(await reasonOf(buy(runId)), 'OK', 'the run sells on');
  // An older word and the same word again change nothing.
  world.railway.changes.push({ runId, revision: (revision += 1n) });
  world.timetable.set(runId, { ...run, stops, revision } as TestRun);
  await eventually(async () => (await world.db.query<{ revision: bigint }>('SELECT revision FROM timetable_followed'))[0]!.revision >= revision);
  t.is((await told(RunTimesChangedSchema, runId)).length, 1);
  t.is((await told(RunCancelledSchema, runId)).length, 0);
});

test('a departure that is moved past is not sold, one that is moved to later is', async (t) => {
  const run = newRun();
  const runId = await world.open(run);
  const now_ms = Date.now();
  const early = run.stops!.map((stop, index) => ({ ...stop, arrivalTime: index === 0 ? undefined : timestampFromMs(now_ms + index * 60_000), departureTime: index === 4 ? undefined : timestampFromMs(now_ms + index * 60_000 - 1_000) }));
  say(run, { stops: early });
  await eventually(async () => (await reasonOf(buy(runId))) === 'TRAIN_DEPARTED');
  say(run, {});
  await eventually(async () => (await reasonOf(buy(runId))) === 'OK');
  t.pass();
});

test('another coach: unsold seats come and go with it, sold ones that are gone are listed and told of, no name is sold twice', async (t) => {
  const run = newRun({ coaches: [[SeatClass.SECOND, 10], [SeatClass.SECOND, 10]] });
  const runId = await world.open(run);
  const stays = await buy(runId, { order: '31', sold: true, seat: ['01', '01A'] });
  const gone = await buy(runId, { order: '32', sold: true, seat: ['02', '02F'] });
  const lock = await buy(runId, { seat: ['02', '01B'] });
  t.is(await remaining(runId), 17);
  // Coach 2 is first class now: other seats, one of the same name as the sold one.
  const coaches = [run.coaches![0]!, { coachNo: '02', seatClass: SeatClass.FIRST, seatCount: 8, layoutId: layoutId('first', 8) }];
  say(run, { coaches });
  const [event] = await eventually(async () => (await told(RunCoachesChangedSchema, runId)).length > 0 && (await told(RunCoachesChangedSchema, runId)));
  t.deepEqual(event!.orders.map(({ orderId, holdId, seats }) => [orderId, holdId, seats[0]!.seat!.coachNo, seats[0]!.seat!.seatNo]), [['32', gone, '02', '02F']]);
  t.is((await world.client.getHold({ holdId: lock, runId })).hold!.state, HoldState.RELEASED, 'nobody had ordered it');
  await eventually(async () => (await remaining(runId)) === 9 && (await remaining(runId, SeatClass.FIRST)) === 8);
  t.deepEqual((await conflictsOf(runId)).map(({ kind, orderId, seat }) => [kind, orderId, `${seat!.coachNo}/${seat!.seatNo}`]), [[SeatConflictKind.SEAT_GONE, '32', '02/02F']]);

  const named = new Set<string>();
  for (const client of [world.client, other]) {
    await eventually(async () => (await reasonOf(buy(runId, { client, seat: ['02', client === other ? '01C' : '01A'], seatClass: SeatClass.FIRST }))) === 'OK');
    t.is(await reasonOf(buy(runId, { client, seat: ['02', '01B'] })), 'SEAT_MALFORMED', 'a seat that is gone can not be named');
  }
  for (let left = await remaining(runId, SeatClass.FIRST); left! > 0; left! -= 1) {
    const { hold } = await world.client.getHold({ holdId: await buy(runId, { seatClass: SeatClass.FIRST }), runId });
    named.add(`${hold!.seats[0]!.seat!.coachNo}/${hold!.seats[0]!.seat!.seatNo}`);
  }
  t.is(named.size, 6);
  t.true([...named].every((name) => name.startsWith('02/')));
  for (let left = 9; left > 0; left -= 1) await buy(runId);
  t.is(await reasonOf(buy(runId)), 'SOLD_OUT', 'the seats of the coach that is gone are not sold');
  const map = await world.seats.getSeatMap({ runId, fromStationId: 's0', toStationId: 's2' }, { metadata: await world.tokens.headersFor({}) });
  t.deepEqual(map.coaches.map(({ coachNo, seats }) => [coachNo, seats.length]), [['01', 10], ['02', 8]]);

  // The old coach comes back: its seats are for sale again, and the first class of the meantime is a conflict.
  say(run, {});
  await eventually(async () => (await remaining(runId)) === 9);
  const back = await conflictsOf(runId);
  t.true(back.every(({ kind, seat }) => kind === SeatConflictKind.SEAT_GONE && seat!.seatClass === SeatClass.FIRST));
  t.is((await world.client.getHold({ holdId: stays, runId })).hold!.seats[0]!.seat!.seatNo, '01A');
  t.is((await world.client.getHold({ holdId: gone, runId })).hold!.seats[0]!.seat!.seatNo, '02F');
  const { differences } = await world.ops.reconcile({ runIds: [runId], dryRun: true });
  // The fake order service has no orders.
  t.deepEqual(differences.filter(({ kind }) => kind !== 'HOLD_WITHOUT_ORDER'), []);
});

test('a seat that is gone and given back is not sold anew, not even after Redis was lost', async (t) => {
  const own = await openInventory();
  try {
    const run = testRun('LOST1', { coaches: [[SeatClass.SECOND, 5], [SeatClass.SECOND, 5]] });
    const runId = await own.open(run);
    const left = async () => (await own.client.getRemaining({ runId, stretches: [{ fromIndex: 0, toIndex: 4 }] })).remaining[0]?.remaining;
    await own.hold({ holdId: 'lost-1', runId, items: [{ itemId: '1', seat: { coachNo: '02', seatNo: '01C', seatClass: SeatClass.SECOND } }] });
    await own.client.attachOrder({ holdId: 'lost-1', runId, orderId: '41', owner: HoldOwner.ORDER });
    own.timetable.set(runId, { ...run, coaches: [run.coaches![0]!], revision: 5n } as TestRun);
    own.railway.changes.push({ runId, revision: 5n });
    await eventually(async () => (await own.ops.listSeatConflicts({})).conflicts.length === 1 && (await left()) === 5);
    await own.aftersales.releaseHold({ holdId: 'lost-1', runId, owner: HoldOwner.ORDER, reason: 'refunded' });
    t.is(await left(), 5, 'the refund frees nothing that exists');
    await own.redis.client.flushall();
    await eventually(async () => (await left().catch(() => undefined)) === 5);
    t.deepEqual((await own.ops.listSeatConflicts({})).conflicts, []);
  } finally {
    await own.lifecycle.stop();
  }
});

test('when another timetable becomes active, runs that it lacks are cancelled and those it moves are moved', async (t) => {
  const own = await openInventory();
  try {
    const [lacking, moved, same] = [testRun('NT1'), testRun('NT2'), testRun('NT3')];
    for (const run of [lacking, moved, same]) await own.open(run);
    own.timetable.delete(lacking.runId!);
    const later = moved.stops!.map((stop, index) => (index === 4 ? { ...stop, arrivalTime: timestampFromMs(timestampMs(stop.arrivalTime as never) + 60_000) } : stop));
    own.timetable.set(moved.runId!, { ...moved, stops: later } as TestRun);
    own.railway.timetable_revision = 50n;
    const tell = async () => (await own.db.query<{ type: string; event_key: string }>("SELECT type, event_key FROM outbox WHERE type NOT LIKE '%RunSaleChanged'")).map(({ type, event_key }) => `${type.split('.').at(-1)} ${event_key}`).toSorted();
    const all = [`RunCancelled ${lacking.runId}`, `RunTimesChanged ${moved.runId}`];
    await eventually(async () => (await tell()).length === all.length);
    t.deepEqual(await tell(), all);
    t.is(await reasonOf(own.hold({ holdId: 'nt-1', runId: lacking.runId!, items: [second('1')] })), 'RUN_CANCELLED');
    t.is(await reasonOf(own.hold({ holdId: 'nt-2', runId: same.runId!, items: [second('1')] })), 'OK');
    // Back to the version before.
    own.timetable.set(lacking.runId!, lacking);
    own.railway.timetable_revision = 51n;
    await eventually(async () => (await reasonOf(own.hold({ holdId: 'nt-3', runId: lacking.runId!, items: [second('1')] }))) === 'OK');
  } finally {
    await own.lifecycle.stop();
  }
});
