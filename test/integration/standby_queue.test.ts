// From the queue into the standby list and out of it again, over the real stores of order, aftersales and inventory; and what
// travellers are told of standbys.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { create, toBinary } from '@bufbuild/protobuf';
import { headers } from '@nats-io/transport-node';
import { RunCancelledSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { QueueState, type QueueStatus } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { encodeEvent, HEADER_TYPE } from '#kit/bus/envelope.ts';
import { eventBucket, eventSubject } from '#kit/bus/streams.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Peers } from '../../services/order/app/peers.ts';
import { eventually } from '../support/processes.ts';
import { playSettings, type PlayedSettings } from '../support/played_settings.ts';
import { ask, fresh, giveBack, openStandby, pay, reasonOf, requestId, soldOut, StandbyState, untilStandby, type StandbyWorld } from './standby_world.ts';

const { PENDING, AWAIT_PAY, SUCCESS, FAIL } = StandbyState;
const CALLER_KEY = randomBytes(32);
const lifecycle = new Lifecycle();
/** While it is shut nobody who left the queue gets seats, and everybody else waits. */
let shut: PromiseWithResolvers<void> | undefined;
const wrapPeers = (peers: Peers): Peers => ({
  ...peers,
  inventory: {
    ...peers.inventory,
    async holdMany(requests) {
      await shut?.promise;
      return peers.inventory.holdMany(requests);
    },
  },
});

let settings: PlayedSettings;
let world: StandbyWorld;
test.before(async () => {
  settings = lifecycle.add('settings', await playSettings(CALLER_KEY));
  world = await openStandby({ CALLER_KEY: CALLER_KEY.toString('hex'), RISK_ADDRESS: settings.address }, { wrapPeers });
});
test.after.always(async () => {
  shut?.resolve();
  await world?.lifecycle.stop();
  await lifecycle.stop();
});

type Auth = Awaited<ReturnType<StandbyWorld['as']>>;
const wish = (run_id: string, passenger = fresh()) => ({ requestId: requestId(), runId: run_id, fromStationId: 's0', toStationId: 's4', passengers: [{ passengerId: passenger, seatClasses: [SeatClass.SECOND] }] });

async function outcome(token: string, auth: Auth): Promise<QueueStatus> {
  let last: QueueStatus | undefined;
  for await (const { status } of world.orders.watchQueue({ queueToken: token }, { ...auth, timeout_ms: 60_000 })) last = status;
  return last!;
}

/** The standby that a submission became. */
async function became(run_id: string, account_id = fresh()) {
  const auth = await world.as(account_id);
  const { status, standbyId } = await world.orders.submitOrder({ ...wish(run_id), acceptStandby: true }, auth);
  const standby_id = status === undefined ? standbyId : (await outcome(status.queueToken, auth)).standbyId;
  return { standby: (await world.standbys.getStandby({ standbyId: standby_id }, auth)).standby!, auth, account_id };
}

const messageOf = (template_id: string, { standbyId }: { standbyId: string }) => world.outside.messages.get(`${template_id}:${standbyId}`);
const told = (template_id: string, standby: { standbyId: string }) => eventually(async () => messageOf(template_id, standby));
/** The sweeper looks at it now, when its time has passed. */
const passDeadline = ({ standbyId }: { standbyId: string }) => world.db.aftersales.query('UPDATE standby SET deadline_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [BigInt(standbyId)]);

test.serial('sold out when the turn comes: the standby waits for what others give back, and its own order is not in its way', async (t) => {
  const run_id = await soldOut(world, 1);
  const one = await became(run_id);
  t.is(one.standby.state, PENDING);
  t.deepEqual(one.standby.places.map(({ wish: { runId = '', fromStationId = '', toStationId = '', seatClasses = [] } = {} }) => [runId, fromStationId, toStationId, ...seatClasses]), [[run_id, 's0', 's4', SeatClass.SECOND]]);
  const message = await told('STANDBY_ENTERED', one.standby);
  t.like(message.parameters, { standby: one.standby.standbyId, train: run_id.split('.')[0], passengers: '1' });
  t.is(message.account_id, one.account_id);
  await giveBack(world, run_id, 1);
  const matched = await untilStandby(world, one, AWAIT_PAY);
  await pay(world, matched, one.auth);
  await untilStandby(world, one, SUCCESS);
  t.is(messageOf('STANDBY_SOLD_OUT', one.standby), undefined);
});

test.serial('who is turned away by a full queue gets nothing before those in it, although seats are on sale', async (t) => {
  const run_id = await soldOut(world, 2);
  const people = await Promise.all(Array.from({ length: 7 }, async () => world.as(fresh())));
  shut = Promise.withResolvers();
  settings.set('queue.max_entries', 1);
  const waiting: { auth: Auth; status: QueueStatus }[] = [];
  // As many as may be at the counter side by side, and one in the queue; whoever comes then is turned away.
  for (const auth of people) {
    const { status } = await world.orders.submitOrder(wish(run_id), auth).catch(() => ({ status: undefined }));
    if (status === undefined) break;
    waiting.push({ auth, status });
    const [row] = await eventually(async () => {
      const rows = await world.db.order.query<{ waiting: bigint; served: bigint }>("SELECT COUNT(CASE WHEN state = 'WAITING' THEN 1 END) AS waiting, COUNT(CASE WHEN state = 'PROCESSING' THEN 1 END) AS served FROM queue_entry WHERE run_id = ?", [run_id]);
      // The first finds a free counter, sooner or later.
      return (rows[0]!.waiting > 0n && waiting.length > 1) || Number(rows[0]!.served) === waiting.length ? rows : undefined;
    });
    if (row!.waiting > 0n) break;
  }
  await eventually(async () => {
    const auth = await world.as(fresh());
    const submitted = world.orders.submitOrder(wish(run_id), auth);
    if ((await reasonOf(submitted)) === 'QUEUE_FULL') return true;
    // Somebody went from the queue to the counter just then: one more who is before those turned away.
    waiting.push({ auth, status: (await submitted).status! });
    return false;
  });
  // Both seats are on sale now: they are for those in the queue.
  await giveBack(world, run_id, 1);
  await giveBack(world, run_id, 2);
  const turned = await became(run_id);
  t.is(turned.standby.state, PENDING);
  const [row] = await world.db.aftersales.query<{ match_after: Date | null }>('SELECT match_after FROM standby WHERE standby_id = ?', [BigInt(turned.standby.standbyId)]);
  t.not(row!.match_after, null);
  t.deepEqual(await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ?', [run_id]), [], 'nobody keeps seats for it');
  // Those in the queue are served: two of them have seats.
  await world.db.aftersales.query('UPDATE standby SET match_after = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, next_action_time = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE standby_id = ?', [BigInt(turned.standby.standbyId)]);
  settings.set('queue.max_entries', 50_000);
  shut.resolve();
  shut = undefined;
  const ends = await Promise.all(waiting.map(({ auth, status }) => outcome(status.queueToken, auth)));
  t.is(ends.filter(({ state }) => state === QueueState.ORDERED).length, Math.min(2, waiting.length));
  // When the time has come it is in the queue of its run, and what is given back is for it.
  await world.db.aftersales.query('UPDATE standby SET match_after = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE standby_id = ?', [BigInt(turned.standby.standbyId)]);
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ? AND waiting = 1 AND version = told', [run_id])).length > 0);
  const [first] = ends.flatMap(({ orderId }, index) => (orderId === '' ? [] : [{ orderId, auth: waiting[index]!.auth }]));
  await world.orders.cancelOrder({ requestId: requestId(), orderId: first!.orderId }, first!.auth);
  await untilStandby(world, turned, AWAIT_PAY);
});

test.serial('a traveller can not pass the check that seats are left', async (t) => {
  const run_id = await soldOut(world, 1);
  const soon = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600), nanos: 0 };
  const wishes = [{ runId: run_id, fromStationId: 's0', toStationId: 's4', seatClasses: [SeatClass.SECOND] }];
  t.is(await reasonOf(world.standbys.createStandby({ requestId: requestId(), wishes, passengerIds: [fresh()], deadline: soon, matchAfterTime: soon }, await world.as(fresh()))), 'FIELD_INVALID');
});

test.serial('aftersales is away, and comes back: there is one standby', async (t) => {
  const run_id = await soldOut(world, 1);
  const account_id = fresh();
  const auth = await world.as(account_id);
  await world.stopAftersales();
  const { status } = await world.orders.submitOrder({ ...wish(run_id), acceptStandby: true }, auth);
  await eventually(async () => (await world.db.order.query("SELECT 1 FROM queue_entry WHERE account_id = ? AND state = 'STANDBY' AND attempts > 0", [BigInt(account_id)])).length > 0);
  await world.startAftersales();
  const ended = await outcome(status!.queueToken, auth);
  t.is(ended.state, QueueState.FAILED);
  const { standbys } = await eventually(async () => world.standbys.listStandbys({}, auth).catch(() => undefined));
  t.deepEqual(standbys.map(({ standbyId }) => standbyId), [ended.standbyId]);
});

test.serial('who waited in vain is told so, once, also when notification was away', async (t) => {
  const run_id = await soldOut(world, 1);
  const [one, given_up] = [await ask(world, [{ run_id }]), await ask(world, [{ run_id }])];
  world.outside.notification_down = true;
  await world.standbys.cancelStandby({ requestId: requestId(), standbyId: given_up.standby.standbyId }, given_up.auth);
  await passDeadline(one.standby);
  t.is((await untilStandby(world, one, FAIL)).reason, 'SOLD_OUT');
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_notice WHERE standby_id = ? AND attempts > 0', [BigInt(one.standby.standbyId)])).length > 0);
  world.outside.notification_down = false;
  const { account_id, parameters } = await told('STANDBY_SOLD_OUT', one.standby);
  t.is(account_id, one.account_id);
  t.like(parameters, { train: run_id.split('.')[0], standby: one.standby.standbyId });
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_notice')).length === 0);
  t.is(world.outside.sent.get(`STANDBY_SOLD_OUT:${one.standby.standbyId}`), 1);
  t.deepEqual([...world.outside.messages.keys()].filter((key) => key.endsWith(given_up.standby.standbyId)), [], 'who gave up knows');
});

test.serial('a train that is cancelled ends what waited for it, and says so; who waits for another train too, waits on', async (t) => {
  const [cancelled, other] = [await soldOut(world, 1), await soldOut(world, 1)];
  const [only, either] = [await ask(world, [{ run_id: cancelled }]), await ask(world, [{ run_id: cancelled }, { run_id: other }])];
  const payload = toBinary(RunCancelledSchema, create(RunCancelledSchema, { runId: cancelled, revision: 7n }));
  const type = RunCancelledSchema.typeName;
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, type);
  await world.bus.js.publish(eventSubject(world.bus, 'STOCK', eventBucket(cancelled), 'inventory'), encodeEvent({ event_id: `cancelled-${cancelled}`, type, version: 7n, key: cancelled, occurred_at: new Date(), payload, trace: {} }), { headers: message_headers });
  t.is((await untilStandby(world, only, FAIL)).reason, 'RUN_CANCELLED');
  await told('STANDBY_RUN_CANCELLED', only.standby);
  await eventually(async () => (await world.db.aftersales.query('SELECT 1 FROM standby_run WHERE run_id = ? AND waiting = 0', [cancelled])).length > 0);
  await giveBack(world, other, 1);
  await untilStandby(world, either, AWAIT_PAY);
});

test.serial('a match that is not paid: who waited is told that there is no next try', async (t) => {
  const run_id = await soldOut(world, 1);
  const one = await ask(world, [{ run_id }]);
  await giveBack(world, run_id, 1);
  const matched = await untilStandby(world, one, AWAIT_PAY);
  // The match itself is told by the order, as every order that waits for payment.
  t.is((await world.db.order.query("SELECT 1 FROM outbox WHERE event_key = ? AND type LIKE '%OrderPlaced'", [matched.orderId])).length, 1);
  await eventually(async () => (await world.db.order.query("SELECT 1 FROM orders WHERE order_id = ? AND todo = ''", [BigInt(matched.orderId)])).length > 0);
  await world.db.order.query('UPDATE orders SET pay_expire_time = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE order_id = ?', [BigInt(matched.orderId)]);
  t.is((await untilStandby(world, one, FAIL)).reason, 'ORDER_NOT_PAYABLE');
  t.is((await told('STANDBY_UNPAID', one.standby)).parameters.order, matched.orderId);
});
