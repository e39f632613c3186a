// What is no hold: each a typed error, and nothing is changed by it.
import test from 'ava';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { openInventory, second, testRun, type InventoryWorld, type TestRun } from './inventory_world.ts';

let world: InventoryWorld;
let run_id: string;
test.before(async () => {
  world = await openInventory();
  run_id = await world.open(testRun('B1', { coaches: [[SeatClass.SECOND, 20], [SeatClass.SECOND, 10]] }));
  await world.hold({ holdId: 'there', runId: run_id });
});
test.after.always(() => world?.lifecycle.stop());

const reasonOf = async (call: Promise<unknown>) => ((await call.then(() => undefined, (error: unknown) => error)) as RpcError | undefined)?.reason;
type Wish = Parameters<InventoryWorld['hold']>[0];
const group = (count: number) => Array.from({ length: count }, (_, index) => second(String(index + 1)));

/** Everything that a hold changes: ledger, hold rows, Redis. */
async function state(): Promise<string> {
  const ledger = await world.db.query('SELECT run_no, class_code, seat, occupied FROM seat_ledger WHERE occupied <> 0 ORDER BY 1, 2, 3');
  const holds = await world.db.query('SELECT hold_id, state, version FROM seat_hold ORDER BY 1');
  const { remaining, version } = await world.client.getRemaining({ runId: run_id });
  return JSON.stringify([ledger, holds, remaining, version], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

const refused: [title: string, reason: string, wish: Wish][] = [
  ['a station that is not on the run', 'STOPS_NOT_ON_RUN', { fromStationId: 's0', toStationId: 'nowhere' }],
  ['to the station it begins at', 'STOPS_NOT_ON_RUN', { fromStationId: 's2', toStationId: 's2' }],
  ['against the direction of the run', 'STOPS_NOT_ON_RUN', { fromStationId: 's3', toStationId: 's1' }],
  ['a run that was never opened', 'TRAIN_RUN_NOT_FOUND', { runId: 'B999.20300101' }],
  ['a class that the run does not have', 'SEAT_CLASS_UNKNOWN', { items: [{ itemId: '1', seatClasses: [SeatClass.BUSINESS] }] }],
  ['no class at all', 'SEAT_CLASS_UNKNOWN', { items: [{ itemId: '1', seatClasses: [] }] }],
  ['a class of no contract', 'SEAT_CLASS_UNKNOWN', { items: [{ itemId: '1', seatClasses: [99 as SeatClass] }] }],
  ['standing where there are no standing places', 'SEAT_CLASS_UNKNOWN', { items: [{ itemId: '1', seatClasses: [SeatClass.STANDING] }] }],
  ['a malformed seat number', 'SEAT_MALFORMED', { items: [{ itemId: '1', seat: { coachNo: '01', seatNo: 'A01' } }] }],
  ['a seat that the coach does not have', 'SEAT_MALFORMED', { items: [{ itemId: '1', seat: { coachNo: '01', seatNo: '99A' } }] }],
  ['a coach that the run does not have', 'SEAT_MALFORMED', { items: [{ itemId: '1', seat: { coachNo: '09', seatNo: '01A' } }] }],
  ['a seat named twice', 'SEAT_MALFORMED', { items: ['1', '2'].map((itemId) => ({ itemId, seat: { coachNo: '01', seatNo: '02A' } })) }],
  ['nobody', 'TOO_MANY_PASSENGERS', { items: [] }],
  ['more than a hold can have', 'TOO_MANY_PASSENGERS', { items: group(65) }],
  ['a group that must share a coach and is larger than any', 'TOO_MANY_PASSENGERS', { items: group(21), preference: { sameCoach: true, required: true } }],
  ['an item id twice', 'ITEMS_DUPLICATE', { items: [second('1'), second('1')] }],
  ['an item id that is no word', 'FIELD_INVALID', { items: [second('"1"')] }],
  ['no hold id', 'FIELD_INVALID', { holdId: '' }],
  ['a hold id too long', 'FIELD_INVALID', { holdId: 'x'.repeat(65) }],
  ['an expiry beyond the limit', 'FIELD_INVALID', { holdTtlMs: 600_001 }],
  ['no owner', 'FIELD_INVALID', { owner: HoldOwner.UNSPECIFIED }],
  ['the owner of a seat lock', 'FIELD_INVALID', { owner: HoldOwner.SEAT_LOCK }],
  ['an id that was used with another body', 'HOLD_CONFLICT', { holdId: 'there', toStationId: 's3' }],
];

for (const [title, reason, wish] of refused) {
  test.serial(`refused and nothing changed: ${title}`, async (t) => {
    const before = await state();
    t.is(await reasonOf(world.hold({ holdId: `bad-${title.replaceAll(' ', '-')}`.slice(0, 60), runId: run_id, ...wish })), reason);
    t.is(await state(), before);
  });
}

test.serial('a run before its sale and one that has departed', async (t) => {
  const early = { ...testRun('B2'), saleStartTime: timestampFromMs(Date.now() + 3_600_000) };
  t.is(await reasonOf(world.hold({ holdId: 'early', runId: await world.open(early) })), 'SALE_NOT_OPEN');
  const plan = testRun('B3');
  const hour_ms = 3_600_000;
  const time = (index: number) => timestampFromMs(Date.now() + (index - 1) * hour_ms);
  const gone: TestRun = { ...plan, stops: plan.stops!.map((_, index) => ({ index, station: { stationId: `s${index}` }, departureTime: time(index), arrivalTime: time(index) })) } as TestRun;
  const run = await world.open(gone);
  t.is(await reasonOf(world.hold({ holdId: 'gone', runId: run })), 'TRAIN_DEPARTED');
  t.is(await reasonOf(world.hold({ holdId: 'further-on', runId: run, fromStationId: 's2' })), undefined, 'its later stops are still ahead');
});

test.serial('more segments than a mask has bits, and more seats than a class may have, are refused when they are opened', async (t) => {
  const long = testRun('B4', { stops: 66 });
  const large = testRun('B5', { coaches: Array.from({ length: 16 }, () => [SeatClass.SECOND, 160]) });
  for (const run of [long, large]) world.timetable.set(run.runId!, run);
  const { opened, refused: told } = await world.ops.openRuns({ serviceDate: long.serviceDate, runIds: [long.runId!, large.runId!] });
  t.is(opened, 0);
  t.deepEqual(told.map((one) => one.split(':')[0]).toSorted(), [long.runId!, large.runId!]);
});
