// What the railway changes of a run reaches its orders and its queue: once, whichever word comes first, and whoever dies meanwhile.
import { fromBinary, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import { OrderClosedSchema, OrderRunCancelledSchema, OrderRunRestoredSchema, OrderSeatsChangedSchema, OrderTimesChangedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { RunCancelledSchema, RunCoachesChangedSchema, RunRestoredSchema, RunTimesChangedSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { CloseReason, OrderState, QueueState, type Order, type OrderItemSchema } from '#gen/rail/order/v1/order_pb.ts';
import { IssueOutcome } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { CallOptions } from '#kit/rpc/client.ts';
import { addDays } from '#kit/base/time.ts';
import { buy, fresh, openOrder, outcome, pay, reasonOf, requestId, runOf, TOMORROW, until, untilState, wish } from './order_world.ts';
import { runPublisher } from './order_run_words.ts';

const world = await openOrder();
const { client, peers, db } = world;
const publish = runPublisher(world.bus);
test.after.always(() => world.lifecycle.stop());

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
let revision = 100n;
const next = (): bigint => (revision += 1n);

type Held = { order: Order; auth: CallOptions };
const STATES = ['WAIT_PAY', 'SUCCESS', 'REFUND', 'CLOSED', 'TICKETING'] as const;
type Held5 = Record<(typeof STATES)[number], Held>;

/** One order in each state that waits, of two passengers each. */
async function inEachState(run_id: string): Promise<Held5> {
  const made: Partial<Held5> = {};
  for (const state of STATES) {
    const auth = await world.bearer(fresh());
    let order = await buy(world, auth, wish(run_id, [fresh(), fresh()]));
    // The railway takes its time with the last one.
    if (state === 'TICKETING') peers.issue_outcomes = Array.from({ length: 1000 }, () => IssueOutcome.PENDING);
    if (state === 'CLOSED') await client.cancelOrder({ requestId: requestId(), orderId: order.orderId }, auth);
    if (state === 'SUCCESS' || state === 'REFUND' || state === 'TICKETING') {
      await pay(world, order);
      order = await untilState(world, order.orderId, state === 'TICKETING' ? OrderState.TICKETING : OrderState.SUCCESS, auth);
    }
    if (state === 'REFUND') {
      const transitions = order.items.slice(0, 1).map(({ itemId, version }) => ({ itemId, version, to: OrderState.REFUND }));
      await world.as('aftersales').transitionItems({ requestId: requestId(), orderId: order.orderId, transitions, cause: 'refund' });
    }
    made[state] = { order: await see({ order, auth }), auth };
  }
  return made as Held5;
}

const see = async ({ order, auth }: Held): Promise<Order> => (await client.getOrder({ orderId: order.orderId }, auth)).order!;
const wordOf = (state: OrderState): string => Object.entries(OrderState).find(([, value]) => value === state)![0];
const stateOf = async (held: Held): Promise<string> => wordOf((await see(held)).state);
const moved = (order: Order, from_ms: number, to_ms = from_ms) => {
  const { fromIndex, toIndex, departureTime, arrivalTime } = order.journey!;
  return [{ index: fromIndex, departureTime: timestampFromMs(timestampMs(departureTime!) + from_ms) }, { index: toIndex, arrivalTime: timestampFromMs(timestampMs(arrivalTime!) + to_ms) }];
};
const timesOf = ({ journey }: Order): number[] => [timestampMs(journey!.departureTime!), timestampMs(journey!.arrivalTime!)];
const concerned = (order: Order) => ({ orderId: order.orderId, accountId: order.accountId, holdId: order.items[0]!.holdId, holdState: 'SOLD', seats: order.items.map(({ seat }) => ({ seat: seat! })) });

/** Every word on the run has been looked at. */
const followed = (run_id: string) => until(async () => {
  const rows = await db.query<{ looks: number }>('SELECT looks FROM run_word WHERE run_id = ?', [run_id]);
  return rows.length > 0 && rows.every(({ looks }) => looks > 0);
});
/** The second look has come, at once. */
async function followedTwice(run_id: string): Promise<void> {
  await followed(run_id);
  await db.query('UPDATE run_word SET next_action_time = UTC_TIMESTAMP(3) WHERE run_id = ? AND next_action_time IS NOT NULL', [run_id]);
  await until(async () => (await db.query('SELECT 1 FROM run_word WHERE run_id = ? AND next_action_time IS NOT NULL', [run_id])).length === 0);
}
/** Nothing that was published waits for its effect. */
const drained = () => until(async () => {
  const { num_pending, num_ack_pending } = await world.bus.jsm.consumers.info('STOCK', 'order-runs');
  return num_pending + num_ack_pending === 0;
});

async function told<S extends DescMessage>(schema: S, { order }: Held): Promise<MessageShape<S>[]> {
  const rows = await db.query<{ payload: Buffer }>('SELECT payload FROM outbox WHERE type = ? AND event_key = ? ORDER BY sequence', [schema.typeName, order.orderId]);
  return rows.map(({ payload }) => fromBinary(schema, payload));
}

async function claimsOf({ orderId }: Order): Promise<number[][]> {
  const rows = await db.query<{ start_time: Date; end_time: Date }>('SELECT start_time, end_time FROM passenger_claim WHERE order_id = ? ORDER BY item_no, travel_date', [BigInt(orderId)]);
  return rows.map(({ start_time, end_time }) => [start_time.getTime(), end_time.getTime()]);
}

/** What repetitions must not change: orders with their items, claims, what was told and written down. */
async function everything(): Promise<unknown[]> {
  const tables = ['orders', 'order_item', 'order_timeline', 'passenger_claim', 'queue_entry', 'outbox', 'audit_record', 'late_payment'];
  // Without what only says when somebody looks next.
  const columns: Record<string, string> = { orders: 'order_id, state, version, journey, close_reason', outbox: 'event_id, type, payload' };
  return Promise.all(tables.map((table) => db.query(`SELECT ${columns[table] ?? '*'} FROM ${table} ORDER BY 1, 2, 3`)));
}

/** The whole stream again: behind the inbox, and as if that had forgotten. */
async function replayed(t: ExecutionContext): Promise<void> {
  const before = await everything();
  await publish.again();
  await drained();
  await db.query('DELETE FROM inbox');
  await publish.again();
  await drained();
  await db.query('UPDATE run_word SET next_action_time = UTC_TIMESTAMP(3)');
  await until(async () => (await db.query('SELECT 1 FROM run_word WHERE next_action_time IS NOT NULL')).length === 0);
  t.deepEqual(await everything(), before);
}

test.serial('moved times reach orders in every state that goes on, with the passengers’ time, and are told once', async (t) => {
  const run_id = runOf('R1');
  const held = await inEachState(run_id);
  const was = timesOf(held.SUCCESS.order);
  const at = next();
  const stops = moved(held.SUCCESS.order, 30 * MINUTE_MS, 45 * MINUTE_MS);
  // Only one of them is named: the others are found all the same.
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: at, stops, reasonZh: '暴雨', reasonEn: 'heavy rain', orders: [concerned(held.SUCCESS.order)], part: 1, partCount: 1 });
  await followed(run_id);
  const now = [was[0]! + 30 * MINUTE_MS, was[1]! + 45 * MINUTE_MS];
  for (const state of ['WAIT_PAY', 'SUCCESS', 'REFUND', 'TICKETING'] as const) {
    const order = await see(held[state]);
    t.is(wordOf(order.state), state);
    t.deepEqual(timesOf(order), now, state);
    t.deepEqual(order.items.map(({ version }) => version), held[state].order.items.map(({ version }) => version), 'aftersales and ticketing go by these');
    t.like(order.journeyChange, { cancelled: false, seatGone: false, reasonZh: '暴雨', reasonEn: 'heavy rain' });
    t.deepEqual([order.journeyChange!.orderedDepartureTime, order.journeyChange!.orderedArrivalTime].map((time) => timestampMs(time!)), was);
    t.deepEqual(await claimsOf(order), [now, now], state);
    const [event, ...more] = await told(OrderTimesChangedSchema, held[state]);
    t.deepEqual(more, []);
    t.like(event!.change, { revision: at, runId: run_id, reasonZh: '暴雨', reasonEn: 'heavy rain', itemIds: order.items.map(({ itemId }) => itemId) });
    t.deepEqual([event!.previousDepartureTime, event!.previousArrivalTime, event!.change!.journey!.departureTime, event!.order!.journey!.arrivalTime].map((time) => timestampMs(time!)), [...was, ...now]);
    t.deepEqual(event!.overlappingItemIds, []);
    const { entries } = await client.getOrderTimeline({ orderId: order.orderId }, held[state].auth);
    t.is(entries.filter(({ itemId, cause }) => itemId === '' && /other times/.test(cause)).length, 1);
  }
  t.deepEqual(timesOf(await see(held.CLOSED)), was);
  t.deepEqual(await told(OrderTimesChangedSchema, held.CLOSED), []);
  t.is(peers.kept.get(run_id), now[1]);
  peers.issue_outcomes = [];
  await untilState(world, held.TICKETING.order.orderId, OrderState.SUCCESS, held.TICKETING.auth);
  await replayed(t);
});

test.serial('the greater revision counts, whichever word comes first, and nothing goes back behind it', async (t) => {
  const run_id = runOf('R2');
  const auth = await world.bearer(fresh());
  const held = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  const [departure, arrival] = timesOf(held.order) as [number, number];
  const [first, second, third] = [next(), next(), next()];
  const stops = (from_ms: number, to_ms: number) => moved(held.order, from_ms, to_ms);
  // The third moves the arrival alone, the first and second all: of the arrival nothing is heard any more.
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: third, stops: stops(0, 90 * MINUTE_MS).slice(1), orders: [] });
  await followed(run_id);
  t.deepEqual(timesOf(await see(held)), [departure, arrival + 90 * MINUTE_MS]);
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: second, stops: stops(20 * MINUTE_MS, 20 * MINUTE_MS), orders: [concerned(held.order)] });
  await until(async () => (await told(OrderTimesChangedSchema, held)).length === 2);
  t.deepEqual(timesOf(await see(held)), [departure + 20 * MINUTE_MS, arrival + 90 * MINUTE_MS]);
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: first, stops: stops(10 * MINUTE_MS, 10 * MINUTE_MS), orders: [concerned(held.order)] });
  // That it runs after all is known before that it was cancelled: nobody hears of either.
  const cancelled = next();
  await publish(RunRestoredSchema, run_id, { runId: run_id, revision: next() });
  await publish(RunCancelledSchema, run_id, { runId: run_id, revision: cancelled, orders: [concerned(held.order)] });
  await until(async () => (await db.query('SELECT 1 FROM run_word WHERE run_id = ?', [run_id])).length === 5);
  await followedTwice(run_id);
  t.deepEqual(timesOf(await see(held)), [departure + 20 * MINUTE_MS, arrival + 90 * MINUTE_MS]);
  t.is((await told(OrderTimesChangedSchema, held)).length, 2);
  t.deepEqual([await told(OrderRunCancelledSchema, held), await told(OrderRunRestoredSchema, held)], [[], []]);
  t.is(await stateOf(held), 'WAIT_PAY');
  // Back to what was ordered: nothing has changed any more.
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: next(), stops: stops(0, 0), orders: [concerned(held.order)] });
  await until(async () => (await told(OrderTimesChangedSchema, held)).length === 3);
  t.is((await see(held)).journeyChange, undefined);
  await replayed(t);
});

test.serial('who took a while goes by all that has been said meanwhile, not back behind it', async (t) => {
  const run_id = runOf('R16');
  const auth = await world.bearer(fresh());
  const held = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  const say = (hours: number) => publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: next(), stops: moved(held.order, hours * HOUR_MS), orders: [] });
  const heard = (count: number) => until(async () => (await db.query('SELECT 1 FROM run_word WHERE run_id = ?', [run_id])).length === count);
  await db.transaction(async (tx) => {
    await tx.execute('SELECT 1 FROM orders WHERE order_id = ? FOR UPDATE', [BigInt(held.order.orderId)]);
    await say(1);
    // It waits for the order with the first word in its hands when the second comes.
    await heard(1);
    await until(async () => (await db.query("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT 1 FROM orders %FOR UPDATE' AND id <> CONNECTION_ID()")).length > 0);
    await say(2);
    await heard(2);
  });
  await followedTwice(run_id);
  t.deepEqual(timesOf(await see(held)), timesOf(held.order).map((ms) => ms + 2 * HOUR_MS));
  t.is((await told(OrderTimesChangedSchema, held)).length, 1);
});

test.serial('what an order knew when it was placed is no news, what came later is', async (t) => {
  const run_id = runOf('R3');
  const auth = await world.bearer(fresh());
  const known = next();
  peers.revisions.set(run_id, known);
  const held = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  const was = timesOf(held.order);
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: known, stops: moved(held.order, HOUR_MS), orders: [] });
  await publish(RunCancelledSchema, run_id, { runId: run_id, revision: known - 1n, orders: [] });
  await until(async () => (await db.query('SELECT 1 FROM run_word WHERE run_id = ?', [run_id])).length === 2);
  await followedTwice(run_id);
  t.deepEqual(timesOf(await see(held)), was);
  t.is(await stateOf(held), 'WAIT_PAY');
});

test.serial('journeys that overlap by their new times are both kept, and the traveller is told; whoever buys now is refused by them', async (t) => {
  const person = fresh();
  const auth = await world.bearer(fresh());
  const morning = { auth, order: await buy(world, auth, wish(runOf('R4'), [person])) };
  // The same person, bought by somebody else.
  const other = await world.bearer(fresh());
  const later = { auth: other, order: await buy(world, other, wish(runOf('N4'), [person])) };
  await publish(RunTimesChangedSchema, runOf('R4'), { runId: runOf('R4'), revision: next(), stops: moved(morning.order, 12 * HOUR_MS), orders: [] });
  await followed(runOf('R4'));
  const [event] = await told(OrderTimesChangedSchema, morning);
  t.deepEqual(event!.overlappingItemIds, [morning.order.items[0]!.itemId]);
  t.deepEqual([await stateOf(morning), await stateOf(later)], ['WAIT_PAY', 'WAIT_PAY']);
  t.is((await claimsOf(later.order)).length > 0, true);
  // In the morning there is time now; at night there is none.
  t.is(await reasonOf(client.submitOrder(wish(runOf('R5'), [person]), auth)), 'OK');
  await client.cancelOrder({ requestId: requestId(), orderId: later.order.orderId }, other);
  t.is(await reasonOf(client.submitOrder(wish(runOf('N5'), [person]), other)), 'JOURNEY_OVERLAP');
  // Into the next day: the claim goes along.
  await publish(RunTimesChangedSchema, runOf('R4'), { runId: runOf('R4'), revision: next(), stops: moved(morning.order, 24 * HOUR_MS), orders: [] });
  await until(async () => (await told(OrderTimesChangedSchema, morning)).length === 2);
  t.is(await reasonOf(client.submitOrder(wish(runOf('N6'), [person]), other)), 'OK');
  t.is(await reasonOf(client.submitOrder(wish(runOf('R6', addDays(TOMORROW, 1)), [person]), other)), 'JOURNEY_OVERLAP');
});

test.serial('a cancelled run closes what is unpaid, gateway first, and leaves the rest to aftersales; all are told once', async (t) => {
  const run_id = runOf('R7');
  const held = await inEachState(run_id);
  const auth = await world.bearer(fresh());
  const racing = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  // The gateway has this money, and nobody has said so yet.
  const payment_id = await pay(world, racing.order, { tell: false });
  peers.cancelled.add(run_id);
  const closes = peers.calls.get('close') ?? 0;
  peers.gateway_down = true;
  const at = next();
  await publish(RunCancelledSchema, run_id, { runId: run_id, revision: at, reasonZh: '暴雨', reasonEn: 'heavy rain', orders: [concerned(held.SUCCESS.order)], part: 1, partCount: 1 });
  await followed(run_id);
  t.is(await stateOf(await untilClosing(held.WAIT_PAY)), 'CLOSING', 'without the gateway it is not closed');
  peers.gateway_down = false;
  await db.query('UPDATE orders SET next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(held.WAIT_PAY.order.orderId)]);
  const closed = await untilState(world, held.WAIT_PAY.order.orderId, OrderState.CLOSED, held.WAIT_PAY.auth);
  t.deepEqual(closed.items.map(({ closeReason }) => closeReason), [CloseReason.RUN_CANCELLED, CloseReason.RUN_CANCELLED]);
  t.true(peers.calls.get('close')! > closes);
  await until(() => peers.hold(run_id, closed.items[0]!.holdId)?.state === 'RELEASED');
  const [ended] = await told(OrderClosedSchema, held.WAIT_PAY);
  t.like(ended, { reason: 'RUN_CANCELLED', runRevision: at });
  t.deepEqual(await claimsOf(closed), []);
  t.deepEqual(await db.query('SELECT cancelled FROM cancellation WHERE account_id = ?', [BigInt(closed.accountId)]), [] as never, 'it was not the traveller who gave up');
  for (const state of ['SUCCESS', 'REFUND', 'TICKETING'] as const) {
    t.is(await stateOf(held[state]), state);
    const order = await see(held[state]);
    t.like(order.journeyChange, { cancelled: true, reasonZh: '暴雨' });
    t.deepEqual(order.items.map(({ version }) => version), held[state].order.items.map(({ version }) => version));
  }
  for (const state of ['WAIT_PAY', 'SUCCESS', 'REFUND', 'TICKETING'] as const) {
    const events = await told(OrderRunCancelledSchema, held[state]);
    t.deepEqual(events.map(({ change }) => [change!.revision, change!.reasonEn]), [[at, 'heavy rain']], state);
  }
  t.deepEqual(await told(OrderRunCancelledSchema, held.CLOSED), []);
  // The money was faster: it counts, buys nothing, and goes back.
  const failed = await untilState(world, racing.order.orderId, OrderState.CLOSED, auth);
  t.is(failed.items[0]!.closeReason, CloseReason.TICKETING_FAILED);
  t.deepEqual([...peers.refunds.values()].filter((refund) => refund.payment_id === payment_id).map(({ amount_fen }) => amount_fen), [racing.order.total!.amountFen]);
  // Money that comes afterwards goes back as ever.
  const late = await pay(world, held.WAIT_PAY.order);
  await until(() => peers.settlements.some((settled) => settled.payment_id === late));
  t.deepEqual(peers.settlements.filter((settled) => settled.payment_id === late).map(({ accepted }) => accepted), [false]);
  peers.issue_outcomes = [];
  await untilState(world, held.TICKETING.order.orderId, OrderState.SUCCESS, held.TICKETING.auth);

  // It runs after all: told to those who were told, while their orders live.
  peers.cancelled.delete(run_id);
  await publish(RunRestoredSchema, run_id, { runId: run_id, revision: next() });
  await until(async () => (await told(OrderRunRestoredSchema, held.SUCCESS)).length === 1);
  await followed(run_id);
  t.deepEqual(await Promise.all(STATES.map(async (state) => (await told(OrderRunRestoredSchema, held[state])).length)), [0, 1, 1, 0, 1]);
  t.is((await see(held.SUCCESS)).journeyChange, undefined);
  await replayed(t);
});

/** The step behind what was told is the driver's. */
async function untilClosing(held: Held): Promise<Held> {
  await untilState(world, held.order.orderId, OrderState.CLOSING, held.auth);
  return held;
}

test.serial('who waits for a cancelled run is told so at once; who is in flight hears it from inventory', async (t) => {
  const run_id = runOf('R8');
  const auth = await world.bearer(fresh());
  // Inventory is slow with the first, so the others wait.
  peers.hold_delay_ms = 2500;
  const first = (await client.submitOrder(wish(run_id, [fresh()]), auth)).status!;
  await until(async () => (await db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'PROCESSING'", [run_id])).length === 1);
  const persons = [fresh(), fresh(), fresh()];
  const others = await Promise.all(persons.map(async (person) => (await client.submitOrder(wish(run_id, [person]), auth)).status!));
  peers.cancelled.add(run_id);
  await publish(RunCancelledSchema, run_id, { runId: run_id, revision: next(), orders: [] });
  await until(async () => (await db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'FAILED'", [run_id])).length >= 3);
  t.is((await db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'FAILED' AND dequeue_time IS NULL", [run_id])).length, 3, 'their turn did not have to come');
  peers.hold_delay_ms = 0;
  for (const { queueToken } of [first, ...others]) t.like(await outcome(world, queueToken, auth), { state: QueueState.FAILED, reason: 'RUN_CANCELLED' });
  for (const person of persons) t.is(await reasonOf(client.submitOrder(wish(runOf('R9'), [person]), auth)), 'OK', 'their time is free');
  t.is((await db.query("SELECT 1 FROM outbox WHERE type LIKE '%QueueEntryFailed' AND event_key IN (SELECT entry_id FROM queue_entry WHERE run_id = ?)", [run_id])).length, 4);
});

test.serial('an order that is placed after the word stands under it, and one that the word just missed is found', async (t) => {
  const run_id = runOf('R10');
  const auth = await world.bearer(fresh());
  const other = await buy(world, auth, wish(runOf('R11'), [fresh()]));
  peers.hold_delay_ms = 1500;
  const waiting = (await client.submitOrder(wish(run_id, [fresh()]), auth)).status!;
  const stops = moved(other, 30 * MINUTE_MS);
  const was = timesOf(other);
  const now = was.map((ms) => ms + 30 * MINUTE_MS);
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: next(), stops, orders: [] });
  await followed(run_id);
  peers.hold_delay_ms = 0;
  const { orderId } = await outcome(world, waiting.queueToken, auth);
  const placed = (await client.getOrder({ orderId }, auth)).order!;
  t.deepEqual(timesOf(placed), now);
  t.deepEqual(await claimsOf(placed), [now]);
  t.deepEqual(await told(OrderTimesChangedSchema, { order: placed, auth }), [], 'what it was placed with is no news');
  // As one that was written at the moment the word came would be.
  const missed = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  const { departure_ms, arrival_ms } = { departure_ms: was[0], arrival_ms: was[1] };
  await db.query("UPDATE orders SET journey = JSON_REMOVE(JSON_SET(journey, '$.departure_ms', ?, '$.arrival_ms', ?), '$.change') WHERE order_id = ?", [departure_ms!, arrival_ms!, BigInt(missed.order.orderId)]);
  await followedTwice(run_id);
  t.deepEqual(timesOf(await see(missed)), now);
  t.is((await told(OrderTimesChangedSchema, missed)).length, 1);

  // Cancelled before it is placed: it closes for that, not for a time to pay that nobody had.
  const cancelled = runOf('R12');
  peers.hold_delay_ms = 1500;
  const late = (await client.submitOrder(wish(cancelled, [fresh()]), auth)).status!;
  await until(async () => (await db.query("SELECT 1 FROM queue_entry WHERE run_id = ? AND state = 'PROCESSING'", [cancelled])).length === 1);
  await publish(RunCancelledSchema, cancelled, { runId: cancelled, revision: next(), orders: [] });
  await followed(cancelled);
  peers.hold_delay_ms = 0;
  const ended = await outcome(world, late.queueToken, auth);
  const closed = await untilState(world, ended.orderId, OrderState.CLOSED, auth);
  t.is(closed.items[0]!.closeReason, CloseReason.RUN_CANCELLED);
});

test.serial('whose seat is gone is told so and shown it; when the seat is back, too, and nothing else moves', async (t) => {
  const run_id = runOf('R13');
  const auth = await world.bearer(fresh());
  const [gone, stays] = [await paid(run_id, auth), await paid(run_id, auth)];
  const at = next();
  // Of two words the other one, which is not there yet, might name the second order.
  await publish(RunCoachesChangedSchema, run_id, { runId: run_id, revision: at, reasonZh: '换车', orders: [concerned(gone.order)], part: 1, partCount: 2 });
  await until(async () => (await told(OrderSeatsChangedSchema, gone)).length === 1);
  const [event] = await told(OrderSeatsChangedSchema, gone);
  const seat = gone.order.items[0]!.seat!;
  t.deepEqual(event!.gone.map((one) => [one.itemId, one.seat!.coachNo, one.seat!.seatNo, one.seat!.seatClass]), [[gone.order.items[0]!.itemId, seat.coachNo, seat.seatNo, SeatClass.SECOND]]);
  const shown = await see(gone);
  t.true(shown.journeyChange!.seatGone && shown.items[0]!.journeyChange!.seatGone);
  t.deepEqual([shown.state, shown.items[0]!.version, timesOf(shown)], [OrderState.SUCCESS, gone.order.items[0]!.version, timesOf(gone.order)]);
  await publish(RunCoachesChangedSchema, run_id, { runId: run_id, revision: at, reasonZh: '换车', orders: [], part: 2, partCount: 2 });
  // The old coach comes back, told in two parts; an order is only known to be unnamed when both are there.
  const back = next();
  await publish(RunCoachesChangedSchema, run_id, { runId: run_id, revision: back, orders: [], part: 2, partCount: 2 });
  await until(async () => (await db.query('SELECT 1 FROM run_word WHERE run_id = ?', [run_id])).length === 3);
  await followedTwice(run_id);
  t.is((await told(OrderSeatsChangedSchema, gone)).length, 1);
  await publish(RunCoachesChangedSchema, run_id, { runId: run_id, revision: back, orders: [], part: 1, partCount: 2 });
  await until(async () => (await told(OrderSeatsChangedSchema, gone)).length === 2);
  t.deepEqual((await told(OrderSeatsChangedSchema, gone))[1]!.gone, []);
  t.is((await see(gone)).journeyChange, undefined);
  t.deepEqual(await told(OrderSeatsChangedSchema, stays), []);
  await replayed(t);
});

test.serial('after a change of train an item hears of its own run, and not of the one it left', async (t) => {
  const [left, taken] = [runOf('R14'), runOf('R15')];
  const auth = await world.bearer(fresh());
  const held = await paid(left, auth, 2);
  const transitions = (to: OrderState, item: Order['items'][number], replacement?: MessageInitShape<typeof OrderItemSchema>) => [{ itemId: item.itemId, version: item.version, to, replacement }];
  const aftersales = world.as('aftersales');
  let { order } = await aftersales.transitionItems({ requestId: requestId(), orderId: held.order.orderId, transitions: transitions(OrderState.CHANGE, held.order.items[0]!), cause: 'change' });
  const item = order!.items[0]!;
  const replacement = { ...item, journey: { ...item.journey!, runId: taken, trainNo: 'R15' }, holdId: 'changed', ticketId: 'E2' };
  ({ order } = await aftersales.transitionItems({ requestId: requestId(), orderId: held.order.orderId, transitions: transitions(OrderState.SUCCESS, item, replacement), cause: 'change' }));
  const [was] = timesOf(order!);
  await publish(RunTimesChangedSchema, taken, { runId: taken, revision: next(), stops: moved(order!, HOUR_MS), orders: [concerned(order!)] });
  await until(async () => (await told(OrderTimesChangedSchema, held)).length === 1);
  await publish(RunCancelledSchema, left, { runId: left, revision: next(), orders: [concerned(order!)] });
  await until(async () => (await told(OrderRunCancelledSchema, held)).length === 1);
  const seen = await see(held);
  t.deepEqual(seen.items.map(({ journey, journeyChange }) => [journey!.runId, timestampMs(journey!.departureTime!), journeyChange?.cancelled]), [[taken, was! + HOUR_MS, false], [left, was, true]]);
  t.deepEqual((await told(OrderTimesChangedSchema, held))[0]!.change!.itemIds, [seen.items[0]!.itemId]);
  t.deepEqual((await told(OrderRunCancelledSchema, held))[0]!.change!.itemIds, [seen.items[1]!.itemId]);
  await replayed(t);
});

test.serial('a word without its revision is left to people, and holds up nobody', async (t) => {
  const run_id = runOf('R17');
  const auth = await world.bearer(fresh());
  const held = { auth, order: await buy(world, auth, wish(run_id, [fresh()])) };
  await publish(RunCancelledSchema, run_id, { runId: run_id, orders: [concerned(held.order)] });
  await publish(RunTimesChangedSchema, run_id, { runId: run_id, revision: next(), stops: moved(held.order, HOUR_MS), orders: [] });
  await followed(run_id);
  await drained();
  t.deepEqual([await stateOf(held), (await told(OrderTimesChangedSchema, held)).length], ['WAIT_PAY', 1]);
  const { state } = await world.bus.jsm.streams.info('DLQ', { subjects_filter: 'dlq.v1.stock.order-runs' });
  t.deepEqual(state.subjects, { 'dlq.v1.stock.order-runs': 1 });
});

async function paid(run_id: string, auth: CallOptions, passengers = 1): Promise<Held> {
  const order = await buy(world, auth, wish(run_id, Array.from({ length: passengers }, () => fresh())));
  await pay(world, order);
  return { auth, order: await untilState(world, order.orderId, OrderState.SUCCESS, auth) };
}
