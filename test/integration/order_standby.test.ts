// A full queue, or a train that is sold out when the turn comes, becomes a standby where the traveller agreed. Order with its own
// stores; the standby list is played, so that it can be away, refuse, and be asked twice.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { StandbyService, type CreateStandbyRequest } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { QueueState, type SubmitOrderResponse } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fail } from '#kit/base/result.ts';
import type { CallOptions } from '#kit/rpc/client.ts';
import { unwrap, type RpcError } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Peers } from '../../services/order/app/peers.ts';
import { playSettings, type PlayedSettings } from '../support/played_settings.ts';
import { fresh, openOrder, outcome, reasonOf, runOf, until, wish, type OrderWorld } from './order_world.ts';

const { FAILED, PROCESSING } = QueueState;
const CALLER_KEY = randomBytes(32);
const lifecycle = new Lifecycle();

/** The standby list: one standby for each account and request id. */
class StandbyList {
  readonly made = new Map<string, { standby_id: string; request: CreateStandbyRequest; account_id: string; member_level: number }>();
  /** How often each request came. */
  readonly asked = new Map<string, number>();
  refuses: ErrorReason | undefined;

  of(account_id: string) {
    return [...this.made.values()].filter((one) => one.account_id === account_id);
  }

  readonly implementation = implement(StandbyService, {
    ...Object.fromEntries(StandbyService.methods.map(({ localName }) => [localName, () => unwrap<never>(fail('NOT_IMPLEMENTED'))])),
    createStandby: (request: CreateStandbyRequest, call: { account?: { account_id: string; member_level: number } }) => {
      const { account_id, member_level } = call.account!;
      const key = `${account_id} ${request.requestId}`;
      this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
      if (this.refuses !== undefined) unwrap<never>(fail(this.refuses));
      const known = this.made.get(key) ?? { standby_id: fresh(), request, account_id, member_level };
      this.made.set(key, known);
      return { standby: { standbyId: known.standby_id } };
    },
  } as unknown as Handlers<typeof StandbyService>);
}

const list = new StandbyList();
/** Where this process dies around its question to the standby list. */
let dies: 'before' | 'after' | undefined;
/** While it is shut nobody who left the queue gets an answer from inventory, and everybody else waits. */
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
  standbys: {
    async create(...asked) {
      if (dies === 'before') throw new Error('the process dies before it asks');
      const created = await peers.standbys!.create(...asked);
      if (dies === 'after') throw new Error('the process dies before it hears the answer');
      return created;
    },
  },
});

let settings: PlayedSettings;
let world: OrderWorld;
test.before(async () => {
  settings = lifecycle.add('settings', await playSettings(CALLER_KEY));
  const server = lifecycle.add('standby list', await startServer({ service: 'aftersales', implementations: [list.implementation], auth: { caller_keys: [CALLER_KEY] }, log: silentLog() }));
  world = await openOrder({ RISK_ADDRESS: settings.address, AFTERSALES_ADDRESS: server.address, CALLER_KEY: CALLER_KEY.toString('hex') }, { wrapPeers });
});
test.afterEach.always(() => {
  list.refuses = undefined;
  dies = undefined;
  open();
});
test.after.always(async () => {
  await world?.lifecycle.stop();
  await lifecycle.stop();
});

function open(): void {
  shut?.resolve();
  shut = undefined;
}

/** A run whose queue has one entry and takes no more: one is at the counter, another waits. */
async function fullQueue(train: string): Promise<string> {
  const run_id = runOf(train);
  shut = Promise.withResolvers();
  const operator = await world.bearer(fresh(), ['operator']);
  settings.set('queue.max_entries', 1);
  const enter = async (): Promise<void> => void (await world.client.submitOrder(wish(run_id, [fresh()]), await world.bearer(fresh())));
  const queue = async () => (await world.client.listQueues({}, operator)).queues.find((one) => one.runId === run_id);
  await enter();
  await until(async () => (await queue())?.inFlight === 1);
  // Others go to the counter as long as batches may be asked for side by side.
  while ((await queue())?.length !== 1) await enter();
  await until(async () => (await reasonOf(enter())) === 'QUEUE_FULL');
  return run_id;
}

const soldOut = (train: string): string => {
  const run_id = runOf(train);
  world.peers.seats.set(run_id, 0);
  return run_id;
};
const consent = { acceptStandby: true };
const entryOf = async (account_id: string) => (await world.db.query<{ state: string; reason: string; entry_id: string }>('SELECT entry_id, state, reason FROM queue_entry WHERE account_id = ?', [BigInt(account_id)]))[0]!;
/** The sweeper comes by. */
const hurry = (account_id: string) => world.db.query("UPDATE queue_entry SET next_action_time = UTC_TIMESTAMP(3) WHERE account_id = ? AND state = 'STANDBY'", [BigInt(account_id)]);

test.serial('a full queue becomes a standby by itself, of the same people for the same ride', async (t) => {
  const run_id = await fullQueue('S1');
  const [account_id, one, two] = [fresh(), fresh(), fresh()];
  const auth = await world.bearer(account_id);
  const passengers = [{ passengerId: one, seatClasses: [SeatClass.SECOND, SeatClass.FIRST] }, { passengerId: two, seatClasses: [SeatClass.FIRST] }];
  const request = wish(run_id, [], { ...consent, passengers, acceptStanding: true, acceptSameTrainChange: true });
  const before_ms = Date.now();
  const answer = await world.client.submitOrder(request, auth);
  const [standby, ...others] = list.of(account_id);
  t.deepEqual([answer.status, answer.standbyId, others.length], [undefined, standby?.standby_id, 0]);
  const { wishes, passengerIds, deadline, matchAfterTime } = standby!.request;
  t.deepEqual(passengerIds, [one, two]);
  t.like(wishes[0], { runId: run_id, fromStationId: 'bj', toStationId: 'sh', seatClasses: [SeatClass.FIRST], acceptSameTrainChange: true }, 'the classes that all of them accept, and no standing');
  const [entry] = await world.db.query<{ body: string }>('SELECT body FROM queue_entry WHERE account_id = ?', [BigInt(account_id)]);
  t.is(timestampMs(deadline!), JSON.parse(entry!.body).journey.departure_ms - 3_600_000, 'an hour before departure');
  const after_ms = timestampMs(matchAfterTime!);
  t.true(after_ms >= before_ms && after_ms <= Date.now() + 15 * 60_000, 'not before those in the queue');
  t.is((await world.client.submitOrder(request, auth)).standbyId, answer.standbyId, 'the first answer, again');
  t.is(list.of(account_id).length, 1);
  // Their time is nobody's: the order of the standby would be refused otherwise.
  settings.set('queue.max_entries', 50_000);
  t.deepEqual(await world.db.query('SELECT 1 FROM passenger_claim WHERE entry_id = ?', [(await entryOf(account_id)).entry_id]), []);
});

test.serial('without consent it is offered, and nothing is written', async (t) => {
  const run_id = await fullQueue('S2');
  const account_id = fresh();
  const refused = await world.client.submitOrder(wish(run_id, [fresh()]), await world.bearer(account_id)).then(() => undefined, (error: RpcError) => error);
  t.deepEqual([refused?.reason, refused?.metadata.standby], ['QUEUE_FULL', 'offered']);
  t.deepEqual([list.of(account_id).length, await entryOf(account_id)], [0, undefined]);
});

test.serial('sold out when the turn comes: a standby with consent, an offer without', async (t) => {
  const run_id = soldOut('S3');
  const [willing, other] = [fresh(), fresh()];
  const submit = async (account_id: string, more: object) => {
    const auth = await world.bearer(account_id);
    return outcome(world, (await world.client.submitOrder(wish(run_id, [fresh()], more), auth)).status!.queueToken, auth);
  };
  const became = await submit(willing, consent);
  t.like(became, { state: FAILED, reason: 'SOLD_OUT', standbyId: list.of(willing)[0]?.standby_id, standbyReason: '', standbyOffered: false });
  t.is(list.of(willing)[0]?.request.matchAfterTime, undefined, 'there is no queue to be kept behind');
  t.like(await submit(other, {}), { state: FAILED, reason: 'SOLD_OUT', standbyId: '', standbyOffered: true });
  t.is(list.of(other).length, 0);
  const events = await world.db.query("SELECT 1 FROM outbox WHERE type LIKE '%QueueEntryFailed' AND event_key IN (?)", [[(await entryOf(willing)).entry_id, (await entryOf(other)).entry_id]]);
  t.is(events.length, 2);
});

test.serial('a standby list that is away: the traveller hears that it is asked, and the standby comes when it is back', async (t) => {
  const run_id = await fullQueue('S4');
  const account_id = fresh();
  const auth = await world.bearer(account_id);
  list.refuses = 'DEPENDENCY_UNAVAILABLE';
  const { status, standbyId } = await world.client.submitOrder(wish(run_id, [fresh()], consent), auth);
  t.deepEqual([status?.state, status?.reason, standbyId], [PROCESSING, '', '']);
  // Nobody leaves what is being entered.
  t.is((await world.client.leaveQueue({ queueToken: status!.queueToken }, auth)).status?.state, PROCESSING);
  const watched = outcome(world, status!.queueToken, auth);
  await hurry(account_id);
  await until(() => [...list.asked].some(([key, times]) => key.startsWith(`${account_id} `) && times > 1));
  t.is((await entryOf(account_id)).state, 'STANDBY');
  list.refuses = undefined;
  await hurry(account_id);
  t.like(await watched, { state: FAILED, reason: 'QUEUE_FULL', standbyId: list.of(account_id)[0]!.standby_id });
  t.is([...list.asked.keys()].filter((key) => key.startsWith(`${account_id} `)).length, 1, 'asked by one request id');
});

test.serial('a standby list that is away for too long: it ends as without one, with the reason and the offer', async (t) => {
  const run_id = soldOut('S5');
  const account_id = fresh();
  const auth = await world.bearer(account_id);
  list.refuses = 'DEPENDENCY_UNAVAILABLE';
  const { status } = await world.client.submitOrder(wish(run_id, [fresh()], consent), auth);
  await until(async () => (await entryOf(account_id)).state === 'STANDBY');
  await world.db.query('UPDATE queue_entry SET standby_time = standby_time - INTERVAL 15 MINUTE, next_action_time = UTC_TIMESTAMP(3) WHERE account_id = ?', [BigInt(account_id)]);
  t.like(await outcome(world, status!.queueToken, auth), { state: FAILED, reason: 'SOLD_OUT', standbyId: '', standbyReason: 'DEPENDENCY_UNAVAILABLE', standbyOffered: true });
});

test.serial('a standby that is refused: the order ends as without one, and says why', async (t) => {
  list.refuses = 'STANDBY_NOT_NEEDED';
  const auth = await world.bearer(fresh());
  const sold_out = (await world.client.submitOrder(wish(soldOut('S6'), [fresh()], consent), auth)).status!;
  t.like(await outcome(world, sold_out.queueToken, auth), { state: FAILED, reason: 'SOLD_OUT', standbyId: '', standbyReason: 'STANDBY_NOT_NEEDED', standbyOffered: true });
  list.refuses = 'JOURNEY_OVERLAP';
  const request = wish(await fullQueue('S7'), [fresh()], consent);
  for (const _time of ['first', 'again']) {
    const refused = await world.client.submitOrder(request, auth).then(() => undefined, (error: RpcError) => error);
    t.deepEqual([refused?.reason, refused?.metadata.standby, refused?.metadata.standby_reason], ['QUEUE_FULL', 'refused', 'JOURNEY_OVERLAP']);
  }
});

test.serial('a journey of the same person at that time is refused at once', async (t) => {
  const run_id = await fullQueue('S8');
  const person = fresh();
  settings.set('queue.max_entries', 50_000);
  await until(async () => (await reasonOf(world.client.submitOrder(wish(runOf('S8B'), [person]), await world.bearer(fresh())))) !== 'QUEUE_FULL');
  settings.set('queue.max_entries', 1);
  await until(async () => (await reasonOf(world.client.submitOrder(wish(run_id, [fresh()]), await world.bearer(fresh())))) === 'QUEUE_FULL');
  t.is(await reasonOf(world.client.submitOrder(wish(run_id, [person], consent), await world.bearer(fresh()))), 'JOURNEY_OVERLAP');
});

for (const moment of ['before', 'after'] as const) {
  test.serial(`a process that dies ${moment} it asks for a standby: another one goes on, and there is one`, async (t) => {
    const run_id = await fullQueue(moment === 'before' ? 'S9' : 'S10');
    const account_id = fresh();
    const auth = await world.bearer(account_id);
    dies = moment;
    const { status } = await world.client.submitOrder(wish(run_id, [fresh()], consent), auth);
    t.is(status?.state, PROCESSING);
    t.is(list.of(account_id).length, moment === 'before' ? 0 : 1);
    open();
    await world.restart({ wrapPeers });
    dies = undefined;
    await hurry(account_id);
    const ended = await outcome(world, status!.queueToken, auth);
    t.deepEqual([ended.state, ended.standbyId], [FAILED, list.of(account_id)[0]?.standby_id]);
    t.is(list.of(account_id).length, 1);
  });
}

test.serial('one request at many processes at once is one standby', async (t) => {
  const run_id = await fullQueue('S11');
  const other = await world.another();
  // It has heard of the setting, too.
  await until(async () => (await reasonOf(other.submitOrder(wish(run_id, [fresh()]), await world.bearer(fresh())))) === 'QUEUE_FULL');
  const account_id = fresh();
  const auth: CallOptions = await world.bearer(account_id);
  const request = wish(run_id, [fresh()], consent);
  const answers: SubmitOrderResponse[] = await Promise.all([world.client, other, world.client, other].map((client) => client.submitOrder(request, auth)));
  const [standby, ...more] = list.of(account_id);
  t.is(more.length, 0);
  for (const { status, standbyId } of answers) {
    const said = status === undefined ? standbyId : (await outcome(world, status.queueToken, auth)).standbyId;
    t.is(said, standby!.standby_id);
  }
});
