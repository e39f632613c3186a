// Quotas: seats that a run keeps for some buyers until a time.
import test from 'ava';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HoldOwner, type RunRemaining } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { layoutOfCoaches } from '../../services/inventory/domain/layout.ts';
import { quotasOfRules, type QuotaRule } from '../../services/inventory/domain/quota_rule.ts';
import { coach } from '../../timetable/seats.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
let other: InventoryWorld['client'];
test.before(async () => {
  world = await openInventory();
  other = await world.another();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;
const fresh = () => world.open(testRun(`Q${(trains += 1)}`));
const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;
/** Seats 15 to 19 of 20 for students, until `release_ms` where given. */
const students = (release_ms?: number) => ({ name: 'students', seatClass: SeatClass.SECOND, seats: 5, passengerTypes: [PassengerType.STUDENT], releaseTime: release_ms === undefined ? undefined : timestampFromMs(release_ms) });

let holds = 0;
function request(runId: string, { from = 0, to = 4, type = PassengerType.ADULT as PassengerType, channel = Channel.WEB as Channel, count = 1 } = {}) {
  const items = Array.from({ length: count }, (_, index) => ({ itemId: String(index + 1), seatClasses: [SeatClass.SECOND], passengerType: type }));
  return { holdId: `q${(holds += 1)}`, runId, fromStationId: `s${from}`, toStationId: `s${to}`, items, channel, owner: HoldOwner.ORDER };
}

async function remaining(run_id: string, passengerType: PassengerType = PassengerType.ADULT, channel: Channel = Channel.WEB, stretch = { fromIndex: 0, toIndex: 4 }): Promise<number> {
  return (await world.client.getRemaining({ runId: run_id, stretches: [stretch], passengerType, channel })).remaining[0]!.remaining;
}

/** Polls what another loop will make true; ava's own limit ends it when it never does. */
async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.serial('kept seats are sold to those they are kept for, who also get what is everybody\'s', async (t) => {
  const run_id = await fresh();
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students()] });
  t.deepEqual([await remaining(run_id), await remaining(run_id, PassengerType.STUDENT)], [15, 20]);
  const all = await world.client.getRemaining({ runId: run_id, stretches: [{ fromIndex: 0, toIndex: 4 }], withQuotas: true });
  t.is(all.remaining[0]!.remaining, 20, 'whomever they are kept for');
  const audit = await world.db.query<{ operation: string; result: string; version: bigint }>('SELECT operation, result, version FROM audit_record WHERE target = ?', [`run/${run_id}`]);
  t.deepEqual(audit.map(({ operation, result, version }) => [operation, result, Number(version)]), [['inventory.SetRunQuotas', 'ok', 1]]);
  await world.client.holdSeats(request(run_id, { count: 15 }));
  t.is(await reasonOf(world.client.holdSeats(request(run_id))), 'SOLD_OUT');
  const { hold } = await world.client.holdSeats(request(run_id, { type: PassengerType.STUDENT, count: 5 }));
  t.is(hold?.seats.length, 5);
  t.is(await reasonOf(world.client.holdSeats(request(run_id, { type: PassengerType.STUDENT }))), 'SOLD_OUT');
});

test.serial('students take what is kept for them first', async (t) => {
  const run_id = await fresh();
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students()] });
  await world.client.holdSeats(request(run_id, { type: PassengerType.STUDENT, count: 5 }));
  t.is(await remaining(run_id), 15);
});

test.serial('long-haul before short-haul: a stretch or a length, and every pair is counted by its own rule', async (t) => {
  const run_id = await fresh();
  const quotas = [
    { name: 'whole_trip', seatClass: SeatClass.SECOND, seats: 8, minSegments: 4 },
    { name: 'middle', seatClass: SeatClass.SECOND, seats: 4, stretch: { fromIndex: 1, toIndex: 3 } },
  ];
  await world.ops.setRunQuotas({ runId: run_id, quotas });
  const left = (fromIndex: number, toIndex: number) => remaining(run_id, PassengerType.ADULT, Channel.WEB, { fromIndex, toIndex });
  t.deepEqual([await left(0, 4), await left(0, 3), await left(0, 2), await left(1, 3)], [20, 12, 8, 12]);
  await world.client.holdSeats(request(run_id, { to: 2, count: 8 }));
  t.is(await reasonOf(world.client.holdSeats(request(run_id, { to: 2 }))), 'SOLD_OUT');
  t.is(await left(0, 4), 12, 'the long trip still has its seats');
});

test.serial('a quota by channel; watchers are told what each kind of buyer has', async (t) => {
  const run_id = await fresh();
  await world.ops.setRunQuotas({ runId: run_id, quotas: [{ name: 'counter', seatClass: SeatClass.SECOND, seats: 3, channels: [Channel.COUNTER] }, students()] });
  t.deepEqual([await remaining(run_id), await remaining(run_id, PassengerType.ADULT, Channel.COUNTER), await remaining(run_id, PassengerType.STUDENT, Channel.COUNTER)], [12, 15, 20]);
  const aborter = new AbortController();
  let told: RunRemaining | undefined;
  for await (const { runs } of world.query.watchRemaining({}, { timeout_ms: Infinity, signal: aborter.signal })) {
    told = runs.find(({ runId }) => runId === run_id);
    if (told !== undefined) break;
  }
  aborter.abort();
  const [seats] = told!.classes;
  t.is(seats?.remaining[3], 12);
  const counts = seats?.quotas.map(({ channel, passengerType, remaining: list }) => [channel, passengerType, list[3]]);
  t.deepEqual(counts, [[Channel.UNSPECIFIED, PassengerType.STUDENT, 17], [Channel.COUNTER, PassengerType.UNSPECIFIED, 15], [Channel.COUNTER, PassengerType.STUDENT, 20]]);
});

test.serial('at its time a quota is everybody\'s, under a new version; a lost Redis changes nothing of it', async (t) => {
  const run_id = await fresh();
  const { version: before } = await world.client.getRemaining({ runId: run_id });
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students(Date.now() + 3_600_000)] });
  t.is(await remaining(run_id), 15);
  await world.ops.rebuildBuckets({});
  t.is(await remaining(run_id), 15, 'rebuilt from the ledger');
  const release_ms = Date.now() + 300;
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students(release_ms)] });
  await until(async () => (await remaining(run_id)) === 20);
  t.true(Date.now() >= release_ms);
  t.true((await world.client.getRemaining({ runId: run_id })).version > before);
  const { quotas } = await world.ops.getRunQuotas({ runId: run_id });
  t.deepEqual(quotas.map(({ name, released }) => [name, released]), [['students', true]]);
});

test.serial('a process that has not heard of a change gives no kept seat to the wrong buyer, and hears of it', async (t) => {
  const run_id = await fresh();
  // It may still be finding out that the buckets were rebuilt.
  await until(async () => (await reasonOf(other.getRemaining({ runId: run_id }))) === undefined);
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students()] });
  await world.ops.setRunQuotas({ runId: run_id, quotas: [{ ...students(), name: 'counter', passengerTypes: [], channels: [Channel.COUNTER] }] });
  const many = request(run_id, { type: PassengerType.STUDENT, count: 15 });
  await until(async () => (await reasonOf(other.holdSeats(many))) === undefined);
  t.is(await reasonOf(other.holdSeats(request(run_id, { type: PassengerType.STUDENT }))), 'SOLD_OUT');
  await until(async () => (await reasonOf(other.holdSeats(request(run_id, { channel: Channel.COUNTER })))) === undefined);
  t.pass();
});

test.serial('a kept seat is not free on the map and can not be chosen', async (t) => {
  const run_id = await fresh();
  await world.ops.setRunQuotas({ runId: run_id, quotas: [{ ...students(), seats: 20 }] });
  const stretch = { runId: run_id, fromStationId: 's0', toStationId: 's4' };
  const { coaches } = await world.seats.getSeatMap({ ...stretch, coachNo: '01' });
  t.true(coaches[0]!.seats.every(({ free }) => !free));
  const mine = { metadata: await world.tokens.headersFor({ account_id: '101' }) };
  t.is(await reasonOf(world.seats.lockSeats({ ...stretch, requestId: '01900000-0000-7000-8000-000000000001', seats: [{ coachNo: '01', seatNo: '01A' }] }, mine)), 'SEAT_LOCKED');
});

test.serial('what is no quota is refused by its field, and the old ones stay', async (t) => {
  const run_id = await fresh();
  await world.ops.setRunQuotas({ runId: run_id, quotas: [students()] });
  const wrong = [
    { ...students(), seats: 0 },
    { ...students(), seats: 21 },
    { ...students(), seatClass: SeatClass.BUSINESS },
    { ...students(), seatClass: SeatClass.STANDING },
    { ...students(), name: 'No Name' },
    { ...students(), passengerTypes: [] },
    { ...students(), minSegments: 5 },
    { ...students(), stretch: { fromIndex: 3, toIndex: 3 } },
  ];
  for (const quota of wrong) t.is(await reasonOf(world.ops.setRunQuotas({ runId: run_id, quotas: [quota] })), 'FIELD_INVALID');
  t.is(await reasonOf(world.ops.setRunQuotas({ runId: run_id, quotas: [students(), students()] })), 'FIELD_INVALID', 'a name twice');
  t.is(await reasonOf(world.ops.setRunQuotas({ runId: 'Q0.20200101', quotas: [] })), 'TRAIN_RUN_NOT_FOUND');
  t.is(await reasonOf(world.client.setRunQuotas({ runId: run_id, quotas: [] })), 'NOT_ALLOWED');
  t.is(await remaining(run_id), 15);
});

test.serial('rules of the setting become quotas of a run', (t) => {
  const layout = layoutOfCoaches([{ ...coach(1, 'second', 90), quiet: false }]);
  const rule: QuotaRule = { name: 'long_haul', train_types: ['G'], seat_class: 'second', share: 0.5, channels: [], passenger_types: [], min_trip_share: 0.6, release_before_departure_min: 60 };
  const run = { train_id: 'G101', segments: 5, layout, departure_ms: 7_200_000 };
  t.deepEqual(quotasOfRules([rule], run), [{ name: 'long_haul', seat_class: 'second', seats: 45, channels: [], passenger_types: [], min_segments: 3, release_ms: 3_600_000 }]);
  t.deepEqual(quotasOfRules([rule], { ...run, train_id: 'D1' }), [], 'another type of train');
  t.deepEqual(quotasOfRules([rule], { ...run, segments: 1 }), [], 'every trip of the run is long enough');
  t.deepEqual(quotasOfRules([{ ...rule, share: 0.8 }, { ...rule, name: 'more', share: 0.8 }], run).map(({ seats }) => seats), [72, 18], 'no seat twice');
});
