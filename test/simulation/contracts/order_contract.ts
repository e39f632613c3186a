/** What every EntryStore, OrderStore and WaitingQueue must do, whatever is behind them. */
import { randomInt } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { required } from '#kit/base/result.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import type { HeldOrders } from '../../../services/order/app/create_held_order.ts';
import type { EntryStore, NewEntry, OrderStore, QueueLease, WaitingQueue } from '../../../services/order/app/ports.ts';
import { moveAll, moveItems, patchItems, type ClaimChange } from '../../../services/order/domain/change.ts';
import { claimsOf } from '../../../services/order/domain/claim.ts';
import type { QueueEntry } from '../../../services/order/domain/entry.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import { placeOrder } from '../../../services/order/domain/place_order.ts';
import { scoreOf } from '../../../services/order/domain/priority.ts';
import { journey, sampleEntry } from '../../../services/order/domain/samples.ts';
import type { OrderState } from '../../../services/order/domain/state.ts';
import { hash } from './results.ts';

export type OrderStores = {
  entries: EntryStore;
  orders: OrderStore;
  held_orders: HeldOrders;
  queue: WaitingQueue;
  /** Takes the lease of a name. */
  lease(name: string): Promise<QueueLease>;
  /** Ends it, as time would. */
  end(lease: QueueLease): Promise<void>;
  /** What Redis has is gone. */
  wipe(): Promise<void>;
};

type Open = (t: ExecutionContext) => Promise<OrderStores>;

const fresh = (): string => String(randomInt(1, 2 ** 47));
const id = (): string => uuid7(systemClock, systemRandom);
const WRITE = { actor: SYSTEM, operation: 'order.Test', next_ms: 1000 };

export function orderContract(name: string, open: Open): void {
  entryContract(name, open);
  orderStoreContract(name, open);
  heldOrderContract(name, open);
  queueContract(name, open);
  changeContract(name, open);
}

function entryContract(name: string, open: Open): void {
  test(`${name}: a submission has one effect and one answer, and another body is another request`, async (t) => {
    const stores = await open(t);
    const { entry, submit } = newcomer(stores);
    const [first, again] = [await submit(), await submit()];
    t.true(first.ok && again.ok && first.value.state === 'WAITING' && first.value.hold_no === 0);
    t.deepEqual(again, first);
    const other = await submit({ body_hash: hash('another') });
    t.is(other.ok ? '' : other.error.reason, 'REQUEST_ID_REUSED');
    t.deepEqual(await stores.entries.find(entry.entry_id), first.ok ? first.value : undefined);
    t.is(await stores.entries.find(id()), undefined);
  });

  test(`${name}: a person travels once at a time, and is free again when the entry ends`, async (t) => {
    const stores = await open(t);
    const person = `person-${fresh()}`;
    const one = newcomer(stores, { person });
    const two = newcomer(stores, { person });
    t.true((await one.submit()).ok);
    const refused = await two.submit();
    t.is(refused.ok ? '' : refused.error.reason, 'JOURNEY_OVERLAP');
    t.is(await stores.entries.find(two.entry.entry_id), undefined);
    t.true(await stores.entries.end(one.entry.entry_id, 'LEFT', '', SYSTEM, 'WAITING'));
    // The refused request was not stored, so the same one may be tried again.
    t.true((await two.submit()).ok);
  });

  test(`${name}: entries wait by priority, then by arrival`, async (t) => {
    const { entries, ...stores } = await open(t);
    const run_id = runId();
    const all = [2, 0, 2, 1, 0].map((priority) => newcomer({ entries, ...stores }, { run_id, priority }));
    for (const { submit } of all) await submit();
    const served = [1, 4, 3, 0, 2].map((index) => all[index]!.entry.entry_id);
    t.deepEqual((await entries.waiting(run_id, 10)).map(({ entry_id }) => entry_id), served);
    t.deepEqual((await entries.waiting(run_id, 2)).map(({ entry_id }) => entry_id), served.slice(0, 2));
    const last = (await entries.find(served[4]!))!;
    t.true(last.sequence > (await entries.find(served[3]!))!.sequence);
    const wanted = { from_index: journey.from_index, to_index: journey.to_index, groups: [{ classes: '3', count: 1 }], picky: false, parts: false };
    t.deepEqual(await entries.demands(run_id, 10), { in_flight: [], waiting: (await entries.waiting(run_id, 10)).map(({ priority, sequence }) => ({ score: scoreOf(priority, sequence), demand: wanted })) });
    t.is((await entries.demands(run_id, 2)).waiting.length, 2);
    t.deepEqual(await entries.waiting(runId(), 10), []);
    t.is(await entries.waitingBefore(run_id, last.sequence), 4 - (await entries.waiting(run_id, 10)).filter(({ sequence }) => sequence > last.sequence).length);
    t.true((await entries.openRuns(100)).some((run) => run.run_id === run_id && run.waiting));
    t.true((await entries.newest()) >= Math.max(...(await entries.waiting(run_id, 10)).map(({ sequence }) => sequence)));
  });

  test(`${name}: only who waits leaves the queue, in the order named, by the word of the lease's owner`, async (t) => {
    const stores = await open(t);
    const { entries } = stores;
    const [one, two, three] = await waiting(stores, 3);
    const lease = await stores.lease('queue/1');
    t.true(await entries.end(two!.entry_id, 'LEFT', '', SYSTEM, 'WAITING'));
    const ids = [three!, two!, one!].map(({ entry_id }) => entry_id);
    await stores.end(lease);
    t.is(await entries.start(ids, lease), undefined);
    const next = await stores.lease('queue/1');
    t.is(next.term, lease.term + 1n);
    t.is(await entries.start(ids, lease), undefined, 'a term that has passed');
    t.is((await entries.find(one!.entry_id))?.state, 'WAITING');
    const started = await entries.start(ids, next);
    t.deepEqual(started?.map(({ entry_id, state }) => [entry_id, state]), [[three!.entry_id, 'PROCESSING'], [one!.entry_id, 'PROCESSING']]);
    t.deepEqual(await entries.start(ids, next), []);
    t.is((await entries.openRuns(100)).find((run) => run.run_id === one!.run_id)?.waiting, false);
    t.deepEqual([(await entries.demands(one!.run_id, 10)).in_flight.length, (await entries.demands(one!.run_id, 10)).waiting.length], [2, 0]);
    t.deepEqual((await entries.inFlight(one!.run_id, 10)).map(({ entry_id }) => entry_id), [one!.entry_id, three!.entry_id], 'in the order of service');
    t.deepEqual(await entries.failMany([{ entry_id: two!.entry_id, reason: 'SOLD_OUT' }, { entry_id: one!.entry_id, reason: 'SOLD_OUT' }], SYSTEM), [one!.entry_id]);
    t.deepEqual(await entries.outcome(one!.entry_id), { state: 'FAILED', reason: 'SOLD_OUT', order_id: undefined, standby_id: undefined, standby_reason: undefined });
    t.is(await entries.outcome(id()), undefined);
  });

  test(`${name}: who becomes a standby is in nobody's queue, has free time, and ends once`, async (t) => {
    const stores = await open(t);
    const { entries } = stores;
    const [one, two] = await waiting(stores, 2);
    const turn = { entry_id: one!.entry_id, reason: 'QUEUE_FULL', after_ms: 1_900_000_000_000 };
    t.deepEqual(await entries.toStandby([turn], SYSTEM, 'PROCESSING'), [], 'only from where it is');
    t.deepEqual(await entries.toStandby([turn], SYSTEM, 'WAITING'), [one!.entry_id]);
    t.deepEqual(await entries.toStandby([turn], SYSTEM, 'WAITING'), []);
    t.like(await entries.find(one!.entry_id), { state: 'STANDBY', reason: 'QUEUE_FULL', standby_after_ms: 1_900_000_000_000 });
    t.deepEqual((await entries.waiting(one!.run_id, 10)).map(({ entry_id }) => entry_id), [two!.entry_id]);
    t.false(await entries.end(one!.entry_id, 'LEFT', '', SYSTEM));
    t.true(await entries.endStandby(one!.entry_id, { standby_id: '77' }, SYSTEM));
    t.false(await entries.endStandby(one!.entry_id, { reason: 'STANDBY_NOT_NEEDED' }, SYSTEM));
    t.deepEqual(await entries.outcome(one!.entry_id), { state: 'FAILED', reason: 'QUEUE_FULL', order_id: undefined, standby_id: '77', standby_reason: undefined });
    t.deepEqual(await entries.toStandby([{ entry_id: two!.entry_id, reason: 'QUEUE_FULL' }], SYSTEM, 'WAITING'), [two!.entry_id]);
    t.true(await entries.endStandby(two!.entry_id, { reason: 'STANDBY_NOT_NEEDED' }, SYSTEM));
    t.is((await entries.outcome(two!.entry_id))?.standby_reason, 'STANDBY_NOT_NEEDED');
  });

  test(`${name}: queues that move at the same moment move by their own leases`, async (t) => {
    const stores = await open(t);
    const { entries } = stores;
    const [ended, held] = [await stores.lease('queue/3'), await stores.lease('queue/4')];
    await stores.end(ended);
    const queues = await Promise.all([ended, held, ended, held].map(async (lease) => ({ lease, ids: (await waiting(stores, 2)).map(({ entry_id }) => entry_id) })));
    const started = await Promise.all(queues.map(({ ids, lease }) => entries.start(ids, lease)));
    t.deepEqual(started.map((some) => some?.map(({ entry_id }) => entry_id)), queues.map(({ ids, lease }) => (lease === held ? ids : undefined)));
    const states = await Promise.all(queues.map(({ ids }) => Promise.all(ids.map(async (entry_id) => (await entries.find(entry_id))?.state))));
    t.deepEqual(states, queues.map(({ lease }) => (lease === held ? ['PROCESSING', 'PROCESSING'] : ['WAITING', 'WAITING'])));
  });

  test(`${name}: an entry becomes one order, under the lease`, async (t) => {
    const stores = await open(t);
    const { entries, orders } = stores;
    const { entry, lease } = await processing(stores);
    const order = orderOf(entry);
    t.deepEqual(await entries.place([order], { ...lease, term: lease.term + 1n }), []);
    t.deepEqual(await entries.place([order], lease), [entry.entry_id]);
    t.deepEqual(await entries.place([{ ...order, order_id: fresh() }], lease), []);
    const stored = (await entries.find(entry.entry_id))!;
    t.deepEqual([stored.state, stored.order_id], ['ORDERED', order.order_id]);
    t.deepEqual(comparable(await orders.find(order.order_id)), comparable(order));
    t.false(await entries.end(entry.entry_id, 'FAILED', 'SOLD_OUT', SYSTEM));
  });

  test(`${name}: an entry ends once and from where it is; hold numbers only grow`, async (t) => {
    const stores = await open(t);
    const { entries } = stores;
    const { entry } = await processing(stores);
    t.false(await entries.end(entry.entry_id, 'LEFT', '', SYSTEM, 'WAITING'));
    await entries.nextHold(entry.entry_id, 2);
    await entries.nextHold(entry.entry_id, 1);
    t.is((await entries.find(entry.entry_id))?.hold_no, 2);
    t.true(await entries.end(entry.entry_id, 'FAILED', 'SOLD_OUT', SYSTEM, 'PROCESSING'));
    t.false(await entries.end(entry.entry_id, 'FAILED', 'SOLD_OUT', SYSTEM));
    await entries.nextHold(entry.entry_id, 3);
    const { state, reason, hold_no } = (await entries.find(entry.entry_id))!;
    t.deepEqual({ state, reason, hold_no }, { state: 'FAILED', reason: 'SOLD_OUT', hold_no: 2 });
  });
}

function heldOrderContract(name: string, open: Open): void {
  test(`${name}: an order of places that are held is placed once, and takes its people's time`, async (t) => {
    const { held_orders, orders, entries } = await open(t);
    const { entry } = newcomer({ entries });
    const held = (account_id = entry.account_id, entry_id = entry.entry_id) => {
      const order = placeOrder({ account_id, tenant: entry.tenant, channel: entry.channel, request_id: entry.request_id, entry_id, body: entry.body }, { hold_id: 'match-1-1', places: [{ item_no: 1, parts: [{ seat: { coach_no: '01', seat_no: '1A', seat_class: 'SECOND' }, from_index: journey.from_index, to_index: journey.to_index }] }] }, { order_id: fresh(), now_ms: Date.now(), pay_window_ms: 600_000 });
      if (!order.ok) throw new Error(order.error.reason);
      return order.value;
    };
    const key = { account_id: entry.account_id, request_id: entry.request_id, method: 'CreateHeldOrder', body_hash: hash('body') };
    const claims = claimsOf(entry.body.passengers, { start_ms: journey.departure_ms, end_ms: journey.arrival_ms });
    t.is(await held_orders.placedAs(entry.entry_id), undefined);
    const order = held();
    t.deepEqual(await held_orders.place(order, claims, key, 'standby 1'), { ok: true, value: order.order_id });
    t.deepEqual(await held_orders.place(held(), claims, key, 'standby 1'), { ok: true, value: order.order_id });
    const reused = await held_orders.place(order, [], { ...key, body_hash: hash('another') }, 'standby 1');
    t.is(reused.ok ? '' : reused.error.reason, 'REQUEST_ID_REUSED');
    t.is((await held_orders.placedAs(entry.entry_id))?.order_id, order.order_id);
    t.deepEqual((await orders.timeline(order.order_id)).map(({ to, cause }) => [to, cause]), [['WAIT_PAY', 'placed: standby 1']]);
    const [account_id, entry_id] = [fresh(), id()];
    const refused = await held_orders.place(held(account_id, entry_id), claims, { ...key, account_id, request_id: id() }, '');
    t.is(refused.ok ? '' : refused.error.reason, 'JOURNEY_OVERLAP');
    t.is(await held_orders.placedAs(entry_id), undefined);
  });
}

function orderStoreContract(name: string, open: Open): void {
  test(`${name}: a change is written when nothing else was, with its history; of two from one version the first`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const order = await placed(stores);
    const change = paid(order);
    t.true(await orders.apply(change, WRITE));
    t.false(await orders.apply(closing(order), WRITE));
    t.deepEqual(comparable(await orders.find(order.order_id)), comparable(change.after));
    const rows = (await orders.timeline(order.order_id)).map(({ item_no, from, to, version, cause }) => ({ item_no, from, to, version, cause }));
    t.deepEqual(rows, [
      { item_no: 1, from: undefined, to: 'WAIT_PAY', version: 1, cause: 'placed' },
      { item_no: 1, from: 'WAIT_PAY', to: 'PAID', version: 2, cause: 'test' },
    ]);
  });

  test(`${name}: orders that are changed, noted and read at one moment are so each by itself`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const [first, stale, third, fourth] = [await placed(stores), await placed(stores), await placed(stores), await placed(stores)];
    const [newer] = await Promise.all([closing(stale)].map(async (change) => ((await orders.apply(change, WRITE)) ? change.after : undefined)));
    const torn = { ...paid(third), moves: paid(third).moves.map((move) => ({ ...move, from_version: move.from_version + 1 })) };
    const outcomes = await Promise.allSettled([
      orders.apply(paid(first), WRITE), orders.apply(paid(stale), WRITE), orders.apply(torn, WRITE), orders.apply(closing(first), WRITE), orders.apply(paid(fourth), { ...WRITE, next_ms: undefined }),
    ]);
    t.deepEqual(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'thrown')), [true, false, 'thrown', false, true], 'of two of one order the first, and a bug is one order\'s');
    const now = await Promise.all([first, stale, third, fourth, first].map(({ order_id }) => orders.find(order_id)));
    t.deepEqual(now.map((order) => order?.state), ['PAID', newer?.state, 'WAIT_PAY', 'PAID', 'PAID']);
    t.deepEqual(now.map((order) => order?.payment_id), [paid(first).after.payment_id, undefined, undefined, paid(fourth).after.payment_id, paid(first).after.payment_id]);
    t.is(await orders.find(fresh()), undefined);
    t.deepEqual((await orders.timeline(third.order_id)).map(({ to }) => to), ['WAIT_PAY'], 'nothing of it stays');

    await Promise.all([orders.note(now[0]!, { todo: [], attempts: 1 }), orders.note(stale, { todo: ['release'], attempts: 2, next_ms: 5 }), orders.note(third, { todo: ['attach', 'settle'], attempts: 3, next_ms: 1000 })]);
    const noted = await Promise.all([first, stale, third].map(({ order_id }) => orders.find(order_id)));
    t.deepEqual(noted.map((order) => [order?.todo, order?.attempts]), [[[], 1], [now[1]!.todo, 0], [['attach', 'settle'], 3]]);
  });

  test(`${name}: a request changes an order once; its repeat is told the same, a refused one may be tried again`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const order = await placed(stores);
    const key = { account_id: order.account_id, request_id: id(), method: 'Test', body_hash: hash('close') };
    const refused = await orders.applyOnce(key, order.order_id, () => ({ ok: false, error: { reason: 'VERSION_STALE' } }), WRITE);
    t.is(refused.ok ? '' : refused.error.reason, 'VERSION_STALE');
    const first = await orders.applyOnce(key, order.order_id, (seen) => ({ ok: true, value: closing(seen!) }), WRITE);
    t.true(first.ok && first.value.state === 'CLOSING');
    const now = (await orders.find(order.order_id))!;
    t.true(await orders.apply(closed(now), WRITE));
    const again = await orders.applyOnce(key, order.order_id, () => t.fail('asked again') as never, WRITE);
    t.true(again.ok && again.value.state === 'CLOSING');
    const other = await orders.applyOnce({ ...key, body_hash: hash('other') }, order.order_id, () => t.fail('asked again') as never, WRITE);
    t.is(other.ok ? '' : other.error.reason, 'REQUEST_ID_REUSED');
    const unchanged = await orders.applyOnce({ ...key, request_id: id() }, order.order_id, () => ({ ok: true, value: undefined }), WRITE);
    t.true(unchanged.ok && unchanged.value.state === 'CLOSED');
  });

  test(`${name}: what is owed is noted while the order stands still`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const order = await placed(stores);
    await orders.note(order, { todo: [], attempts: 3, next_ms: 1000 });
    const noted = (await orders.find(order.order_id))!;
    t.deepEqual([noted.todo, noted.attempts, noted.version], [[], 3, order.version]);
    t.true(await orders.apply(paid(noted), WRITE));
    await orders.note(noted, { todo: ['release'], attempts: 7 });
    const { todo, attempts } = (await orders.find(order.order_id))!;
    t.deepEqual([todo, attempts], [['settle'], 0]);
  });

  test(`${name}: closing frees the people's time and counts what was given up unpaid`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const person = `person-${fresh()}`;
    const order = await placed(stores, { person });
    const rival = newcomer(stores, { person });
    t.false((await rival.submit()).ok);
    t.true(await orders.apply(closing(order), WRITE));
    t.false((await rival.submit()).ok);
    t.is(await orders.cancellations(order.account_id, serviceDateAt(Date.now())), 0);
    t.true(await orders.apply(closed((await orders.find(order.order_id))!), WRITE));
    t.is(await orders.cancellations(order.account_id, serviceDateAt(Date.now())), 1);
    t.true((await rival.submit()).ok);
  });

  test(`${name}: items change without moving, and their versions grow`, async (t) => {
    const stores = await open(t);
    const order = await placed(stores);
    const change = patchItems(order, () => ({ hold_id: 'another' }), { cause: 'test', now_ms: Date.now(), patch: { hold_id: 'another' } });
    t.true(await stores.orders.apply(change, WRITE));
    const { version, items, hold_id } = (await stores.orders.find(order.order_id))!;
    t.deepEqual([version, items[0]!.version, items[0]!.hold_id, hold_id], [2, 2, 'another', 'another']);
  });

  test(`${name}: late money is noted once`, async (t) => {
    const { orders } = await open(t);
    const late = { payment_id: fresh(), order_id: fresh(), reason: 'PAID_TWICE' };
    t.deepEqual([await orders.addLatePayment(late), await orders.addLatePayment(late)], [true, false]);
    await orders.latePaymentDone(late.payment_id);
    t.false(await orders.addLatePayment(late));
  });

  test(`${name}: orders are found by whose they are, newest first, and their items by run`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const account_id = fresh();
    const run_id = runId();
    const all: Order[] = [];
    for (let index = 0; index < 3; index += 1) all.push(await placed(stores, { account_id, run_id }));
    const newest = all.map(({ order_id }) => order_id).toSorted((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1));
    const ids = async (more: object): Promise<string[]> => (await orders.list({ account_id, states: [], limit: 10, ...more })).map(({ order_id }) => order_id);
    t.deepEqual(await ids({}), newest);
    t.deepEqual(await ids({ limit: 2 }), newest.slice(0, 2));
    t.deepEqual(await ids({ before: newest[0] }), newest.slice(1));
    t.deepEqual(await ids({ states: ['PAID'] }), []);
    t.deepEqual(await ids({ run_id: runId() }), []);
    t.deepEqual(await ids({ person: all[1]!.items[0]!.person }), [all[1]!.order_id]);
    const places = all.flatMap(({ items }) => items.flatMap(({ seat_parts }) => seat_parts)).length;
    t.is((await orders.unpaid(run_id, 10)).length, places, 'nobody has paid');
    t.true(await orders.apply(closing(all[0]!), WRITE));
    t.is((await orders.unpaid(run_id, 10)).length, places, 'the money may still come');
    t.true(await orders.apply(closed((await orders.find(all[0]!.order_id))!), WRITE));
    const live = newest.filter((order_id) => order_id !== all[0]!.order_id).toReversed();
    t.deepEqual((await orders.runItems([run_id], undefined, 10)).map(({ order_id }) => order_id), live);
    t.deepEqual((await orders.runItems([run_id], { run_id, order_id: live[0]! }, 10)).map(({ order_id }) => order_id), live.slice(1));
  });
}

function queueContract(name: string, open: Open): void {
  test(`${name}: the waiting queue is bounded, tells places, and is built again under each term and after a loss`, async (t) => {
    const { queue, wipe } = await open(t);
    const run_id = runId();
    const at = (priority: number, sequence: number): number => scoreOf(priority, sequence);
    t.deepEqual(await queue.enter(run_id, 'a', at(2, 10), 2), { unsure: true, ahead: 0, length: 1 }, 'nobody has built it yet');
    t.is(await queue.length(run_id), undefined);
    const server = (await queue.served(run_id, 1n, []))!;
    await queue.rebuild(run_id, { term: 1n, server, newest: 9 }, [{ entry_id: 'b', score: at(2, 9) }]);
    t.is(await queue.served(run_id, 1n, []), undefined, 'built under this term on this server');
    t.is(await queue.length(run_id), 2, 'who came after the rows were read stays');
    t.deepEqual(await queue.enter(run_id, 'a', at(2, 99), 3), { unsure: false, ahead: 1, length: 2 });
    t.deepEqual(await queue.standing(run_id, 'a'), { ahead: 1, length: 2 }, 'who is in it stays where it is');
    t.is(await queue.enter(run_id, 'c', at(1, 11), 2), undefined, 'full');
    t.is(await queue.standing(run_id, 'c'), undefined);
    t.deepEqual(await queue.enter(run_id, 'c', at(1, 11), 3), { unsure: false, ahead: 0, length: 3 });
    t.deepEqual(await queue.standing(run_id, 'c'), { ahead: 0, length: 3 });
    t.is(await queue.served(run_id, 1n, ['c', 'nobody']), undefined);
    t.deepEqual(await queue.standing(run_id, 'b'), { ahead: 0, length: 2 });
    await queue.remove(run_id, ['b']);
    t.is(await queue.length(run_id), 1);
    t.is(await queue.served(run_id, 2n, []), server, 'another term builds it anew');
    await queue.rebuild(run_id, { term: 2n, server, newest: 100 }, []);
    t.is(await queue.length(run_id), 0, 'what the rows do not have is gone');
    await queue.rebuild(run_id, { term: 2n, server: 'another', newest: 100 }, [{ entry_id: 'd', score: at(2, 5) }]);
    t.deepEqual(await queue.standing(run_id, 'd'), { ahead: 0, length: 1 });
    await queue.tellOutlook(run_id, { '3:0-3x1': 7 });
    t.deepEqual(await queue.outlook(run_id), { '3:0-3x1': 7 });
    await wipe();
    t.is(await queue.outlook(run_id), undefined);
    t.is(await queue.length(run_id), undefined);
    t.not(await queue.served(run_id, 2n, []), undefined);
  });
}

/** What a change of train does to the passengers' time. */
function changeContract(name: string, open: Open): void {
  test(`${name}: a wanted journey is claimed beside the one there is, instead of it, or given back`, async (t) => {
    const stores = await open(t);
    const person = `person-${fresh()}`;
    const order = await ticketed(stores, person);
    const hour_ms = 3_600_000;
    const span = (hours: number) => ({ start_ms: journey.departure_ms + hours * hour_ms, end_ms: journey.arrival_ms + hours * hour_ms });
    const change = async (seen: Order, to: OrderState, claimed: ClaimChange[]) => {
      const decide = (now: Order | undefined) => {
        const moved = moveItems(now!, [{ item_no: 1, to }], { cause: 'test', now_ms: Date.now() });
        return moved.ok ? { ok: true as const, value: { ...moved.value, claimed } } : moved;
      };
      return stores.orders.applyOnce({ account_id: 'aftersales', request_id: id(), method: 'TransitionItems', body_hash: hash(to) }, seen.order_id, decide, WRITE);
    };
    const claims = (hours: number) => claimsOf([{ person, item_no: 1 }], span(hours));
    const is_free = async (hours: number) => {
      const other = newcomer(stores, { person });
      const submitted = await stores.entries.submit(other.entry, claimsOf([{ person, item_no: 1 }], span(hours)), { account_id: other.entry.account_id, request_id: other.entry.request_id, method: 'SubmitOrder', body_hash: hash('body') }, SYSTEM);
      if (submitted.ok) await stores.entries.end(other.entry.entry_id, 'LEFT', 'test', SYSTEM);
      return submitted.ok;
    };
    // An hour later overlaps the old journey of the item itself, which is no other's.
    t.true((await change(order, 'CHANGE', [{ item_no: 1, how: 'BESIDE', claims: claims(1) }])).ok);
    t.deepEqual([await is_free(0), await is_free(1), await is_free(100)], [false, false, true]);
    t.true((await change(order, 'SUCCESS', [{ item_no: 1, how: 'BACK', claims: [] }])).ok);
    t.false(await is_free(0), 'the old one stays');
    t.true((await change(order, 'CHANGE', [{ item_no: 1, how: 'BESIDE', claims: claims(100) }])).ok);
    t.false(await is_free(100));
    t.true((await change(order, 'SUCCESS', [{ item_no: 1, how: 'INSTEAD', claims: claims(100) }])).ok);
    t.deepEqual([await is_free(0), await is_free(100)], [true, false]);
    // Taken by another order of the same person.
    await ticketed(stores, person);
    const refused = await change(order, 'CHANGE', [{ item_no: 1, how: 'BESIDE', claims: claims(0) }]);
    t.is(refused.ok ? '' : refused.error.reason, 'JOURNEY_OVERLAP');
  });
}

async function ticketed(stores: OrderStores, person: string): Promise<Order> {
  const order = await placed(stores, { person });
  for (const make of [paid, (seen: Order) => required(moveAll(seen, 'TICKETING', { cause: 'test', now_ms: Date.now() })), (seen: Order) => required(moveAll(seen, 'SUCCESS', { cause: 'test', now_ms: Date.now() }))]) {
    await stores.orders.apply(make((await stores.orders.find(order.order_id))!), WRITE);
  }
  return (await stores.orders.find(order.order_id))!;
}

type More = { person?: string; run_id?: string; priority?: number; account_id?: string };

function newcomer({ entries }: Pick<OrderStores, 'entries'>, { person = `person-${fresh()}`, run_id = runId(), priority = 2, account_id = fresh() }: More = {}) {
  const { state: _state, sequence: _sequence, hold_no: _hold_no, ...sample } = sampleEntry();
  const passenger = { ...sample.body.passengers[0]!, person };
  const body = { ...sample.body, journey: { ...journey, run_id }, passengers: [passenger] };
  const entry: NewEntry = { ...sample, entry_id: id(), account_id, request_id: id(), run_id, bucket: 1, priority, body, enter_ms: Date.now() };
  const key = { account_id, request_id: entry.request_id, method: 'SubmitOrder', body_hash: hash('body') };
  const claims = claimsOf([passenger], { start_ms: journey.departure_ms, end_ms: journey.arrival_ms });
  return { entry, submit: (more: Partial<typeof key> = {}) => entries.submit(entry, claims, { ...key, ...more }, SYSTEM) };
}

async function waiting(stores: OrderStores, count: number, more: More = {}): Promise<QueueEntry[]> {
  const run_id = more.run_id ?? runId();
  const all: QueueEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const submitted = await newcomer(stores, { ...more, run_id }).submit();
    if (!submitted.ok) throw new Error(submitted.error.reason);
    all.push(submitted.value);
  }
  return all;
}

async function processing(stores: OrderStores, more: More = {}): Promise<{ entry: QueueEntry; lease: QueueLease }> {
  const [entry] = await waiting(stores, 1, more);
  const lease = await stores.lease(`queue/${fresh()}`);
  const [started] = (await stores.entries.start([entry!.entry_id], lease))!;
  return { entry: started!, lease };
}

async function placed(stores: OrderStores, more: More = {}): Promise<Order> {
  const { entry, lease } = await processing(stores, more);
  const order = orderOf(entry);
  await stores.entries.place([order], lease);
  return (await stores.orders.find(order.order_id))!;
}

function orderOf(entry: QueueEntry): Order {
  const parts = [{ seat: { coach_no: '01', seat_no: '1A', seat_class: 'SECOND' as const }, from_index: 0, to_index: 3 }];
  const made = placeOrder(entry, { hold_id: entry.entry_id, places: [{ item_no: 1, parts }] }, { order_id: fresh(), now_ms: Date.now(), pay_window_ms: 600_000 });
  if (!made.ok) throw new Error(made.error.reason);
  return made.value;
}

function paid(order: Order) {
  return required(moveAll(order, 'PAID', { cause: 'test', now_ms: Date.now(), patch: { payment_id: '7' }, owe: ['settle'], drop: ['attach'] }));
}

function closing(order: Order) {
  return required(moveAll(order, 'CLOSING', { cause: 'test', now_ms: Date.now(), patch: { closing_ms: Date.now(), close_reason: 'CANCELLED' }, drop: ['attach'] }));
}

function closed(order: Order) {
  return required(moveAll(order, 'CLOSED', { cause: 'test', now_ms: Date.now(), close_reason: 'CANCELLED', owe: ['release'] }));
}

/** A field without a value is as good as none. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function runId(): string {
  return `G${fresh()}.20260116`;
}
