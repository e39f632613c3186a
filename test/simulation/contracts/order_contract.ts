/** What every EntryStore, OrderStore and WaitingQueue must do, whatever is behind them. */
import { createHash, randomInt } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import type { EntryStore, NewEntry, OrderStore, QueueLease, WaitingQueue } from '../../../services/order/app/ports.ts';
import { moveAll, patchItems } from '../../../services/order/domain/change.ts';
import { claimsOf } from '../../../services/order/domain/claim.ts';
import type { QueueEntry } from '../../../services/order/domain/entry.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import { placeOrder } from '../../../services/order/domain/place_order.ts';
import { scoreOf } from '../../../services/order/domain/priority.ts';
import { journey, sampleEntry } from '../../../services/order/domain/samples.ts';

export type OrderStores = {
  entries: EntryStore;
  orders: OrderStore;
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
  queueContract(name, open);
}

function entryContract(name: string, open: Open): void {
  test(`${name}: a submission has one effect and one answer, and another body is another request`, async (t) => {
    const stores = await open(t);
    const { entry, submit } = newcomer(stores);
    const [first, again] = [await submit(), await submit()];
    t.true(first.ok && again.ok && first.value.state === 'WAITING' && first.value.hold_no === 0);
    t.deepEqual(again, first);
    const other = await submit({ body_hash: hashOf('another') });
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
    t.true((await entries.openRuns(100)).some((run) => run.run_id === run_id));
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
    t.deepEqual([(await entries.demands(one!.run_id, 10)).in_flight.length, (await entries.demands(one!.run_id, 10)).waiting.length], [2, 0]);
    t.deepEqual((await entries.inFlight(one!.run_id, 10)).map(({ entry_id }) => entry_id), [one!.entry_id, three!.entry_id], 'in the order of service');
    t.deepEqual(await entries.failMany([{ entry_id: two!.entry_id, reason: 'SOLD_OUT' }, { entry_id: one!.entry_id, reason: 'SOLD_OUT' }], SYSTEM), [one!.entry_id]);
    t.deepEqual(await entries.outcome(one!.entry_id), { state: 'FAILED', reason: 'SOLD_OUT', order_id: undefined });
    t.is(await entries.outcome(id()), undefined);
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

  test(`${name}: a request changes an order once; its repeat is told the same, a refused one may be tried again`, async (t) => {
    const stores = await open(t);
    const { orders } = stores;
    const order = await placed(stores);
    const key = { account_id: order.account_id, request_id: id(), method: 'Test', body_hash: hashOf('close') };
    const refused = await orders.applyOnce(key, order.order_id, () => ({ ok: false, error: { reason: 'VERSION_STALE' } }), WRITE);
    t.is(refused.ok ? '' : refused.error.reason, 'VERSION_STALE');
    const first = await orders.applyOnce(key, order.order_id, (seen) => ({ ok: true, value: closing(seen!) }), WRITE);
    t.true(first.ok && first.value.state === 'CLOSING');
    const now = (await orders.find(order.order_id))!;
    t.true(await orders.apply(closed(now), WRITE));
    const again = await orders.applyOnce(key, order.order_id, () => t.fail('asked again') as never, WRITE);
    t.true(again.ok && again.value.state === 'CLOSING');
    const other = await orders.applyOnce({ ...key, body_hash: hashOf('other') }, order.order_id, () => t.fail('asked again') as never, WRITE);
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
    t.is(await queue.enter(run_id, 'a', at(2, 10), 2), 'unsure', 'nobody has built it yet');
    t.is(await queue.length(run_id), undefined);
    const server = (await queue.served(run_id, 1n, []))!;
    await queue.rebuild(run_id, { term: 1n, server, newest: 9 }, [{ entry_id: 'b', score: at(2, 9) }]);
    t.is(await queue.served(run_id, 1n, []), undefined, 'built under this term on this server');
    t.is(await queue.length(run_id), 2, 'who came after the rows were read stays');
    t.is(await queue.enter(run_id, 'a', at(2, 99), 3), 'entered');
    t.deepEqual(await queue.standing(run_id, 'a'), { ahead: 1, length: 2 }, 'who is in it stays where it is');
    t.is(await queue.enter(run_id, 'c', at(1, 11), 2), 'full');
    t.is(await queue.standing(run_id, 'c'), undefined);
    t.is(await queue.enter(run_id, 'c', at(1, 11), 3), 'entered');
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

type More = { person?: string; run_id?: string; priority?: number; account_id?: string };

function newcomer({ entries }: Pick<OrderStores, 'entries'>, { person = `person-${fresh()}`, run_id = runId(), priority = 2, account_id = fresh() }: More = {}) {
  const { state: _state, sequence: _sequence, hold_no: _hold_no, ...sample } = sampleEntry();
  const passenger = { ...sample.body.passengers[0]!, person };
  const body = { ...sample.body, journey: { ...journey, run_id }, passengers: [passenger] };
  const entry: NewEntry = { ...sample, entry_id: id(), account_id, request_id: id(), run_id, bucket: 1, priority, body, enter_ms: Date.now() };
  const key = { account_id, request_id: entry.request_id, method: 'SubmitOrder', body_hash: hashOf('body') };
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
  return must(moveAll(order, 'PAID', { cause: 'test', now_ms: Date.now(), patch: { payment_id: '7' }, owe: ['settle'], drop: ['attach'] }));
}

function closing(order: Order) {
  return must(moveAll(order, 'CLOSING', { cause: 'test', now_ms: Date.now(), patch: { closing_ms: Date.now(), close_reason: 'CANCELLED' }, drop: ['attach'] }));
}

function closed(order: Order) {
  return must(moveAll(order, 'CLOSED', { cause: 'test', now_ms: Date.now(), close_reason: 'CANCELLED', owe: ['release'] }));
}

function must<T>(result: { ok: true; value: T } | { ok: false; error: { reason: string } }): T {
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
}

/** A field without a value is as good as none. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function runId(): string {
  return `G${fresh()}.20260116`;
}

function hashOf(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
