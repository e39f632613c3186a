/** A process of the order service: the real use cases over simulated stores and peers. */
import { createHash } from 'node:crypto';
import { bucketOf } from '#kit/base/hash.ts';
import type { Lease } from '#kit/store/lease.ts';
import { ContentionError } from '#kit/store/errors.ts';
import { geneOf, SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import { OrderDriver } from '../../../services/order/app/advance.ts';
import { returnLatePayment } from '../../../services/order/app/late_payment.ts';
import { Outlooks } from '../../../services/order/app/outlooks.ts';
import { Paces } from '../../../services/order/app/paces.ts';
import { Places } from '../../../services/order/app/places.ts';
import type { HeldOrderPorts } from '../../../services/order/app/create_held_order.ts';
import type { OrderLog, Ports, QueueTicket } from '../../../services/order/app/ports.ts';
import { QueueOwner, type OwnerPorts } from '../../../services/order/app/queue_owner.ts';
import { recoverEntry } from '../../../services/order/app/recover_entry.ts';
import { holdLatencyOf, localSignals, runEntered, runOverdue, type Signals } from '../../../services/order/app/signals.ts';
import { takePayment } from '../../../services/order/app/take_payment.ts';
import { QUEUE_BUCKETS } from '../../../services/order/domain/entry.ts';
import { USUAL_LIMITS } from '../../../services/order/domain/pace.ts';
import type { Payment } from '../../../services/payment/domain/payment.ts';
import { memoryEntryStore } from '../memory/entry_store.ts';
import { memoryHeldOrders } from '../memory/held_orders.ts';
import { memoryOrderStore, OrderTransaction } from '../memory/order_store.ts';
import { memoryWaitingQueue } from '../memory/waiting_queue.ts';
import type { SimEvent } from '../memory/bus.ts';
import type { Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';
import { orderPeers } from './order_peers.ts';

export type OrderNode = { process: Process; ports: HeldOrderPorts & { paces: Paces; places: Places; outlooks: Outlooks; driver: OrderDriver }; owner: QueueOwner; signals: Signals & { hear(key: string): void }; takeEvent(event: SimEvent): Promise<void> };

const LEASE_MS = 4000;
const LOOK_MS = 1000;
/** Two minutes to pay and one to wait for the gateway keep a simulation short. */
const PAY_WINDOW_MS = 120_000;
const FORCE_CLOSE_MS = 60_000;
const SIGNAL_MS = 3;
const EVENT_TRIES = 3;

export function startOrder(world: World, process: Process, worker: number): OrderNode {
  const { net, order_db: db, plant } = world;
  const now_ms = process.clock.now_ms;
  const mysql = world.stores.order;
  const ids = new SnowflakeGenerator({ clock: process.clock, worker: worker % WORKERS, after_ms: 0 });
  const signals = localSignals((key) => world.scheduler.after(SIGNAL_MS, () => world.others('order', process).forEach((node) => node.signals.hear(key))));
  const entries = memoryEntryStore(db, now_ms);
  const orders = memoryOrderStore(db, now_ms);
  const queue = memoryWaitingQueue(world.redis);
  const ports: Ports = {
    ...orderPeers(world, process),
    entries: net.stored(process, mysql, watched(world, plant.entries?.(entries, db, now_ms) ?? entries)),
    orders: net.stored(process, mysql, judged(world, plant.orders?.(orders, db) ?? orders)),
    queue: net.stored(process, world.stores.redis, plant.queue?.(queue) ?? queue),
    tokens: { seal: (ticket) => JSON.stringify(ticket), open: (token) => JSON.parse(token) as QueueTicket },
    signals,
    meters: { waited: () => undefined, processed: () => undefined, paymentDuplicate: () => undefined },
    log: logOf(world, process),
    clock: process.clock,
    timers: process.timers,
    random: world.scheduler.random,
    settings: { pay_window_ms: () => PAY_WINDOW_MS, pace: () => USUAL_LIMITS, force_close_ms: FORCE_CLOSE_MS },
    nextOrderId: (account_id) => String(ids.next(geneOf(BigInt(account_id) << 7n))),
    hash: (text) => createHash('sha256').update(text).digest(),
  };
  const driver = new OrderDriver(ports);
  const paces = new Paces(ports);
  const places = new Places(ports);
  const outlooks = new Outlooks(ports);
  const leases = keepQueues(world, process);
  const owner_ports: OwnerPorts = { ...ports, paces, outlooks, leaseOf: leases.leaseOf, advance: (order_id) => driver.wake(order_id) };
  const owner = new QueueOwner(owner_ports);
  leases.run(owner);
  signals.onAny((key) => {
    process.go(() => hear(key, owner, paces));
  });
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.orders_due, handle: (order_id) => driver.advance(order_id, { ask_payments: true }) });
  startSweeper({ ...sweep, table: db.entries_due, claim_ms: 10_000, handle: async (entry_id) => {
    const again_in_ms = await recoverEntry(owner_ports, entry_id);
    return again_in_ms === undefined ? undefined : { again_in_ms };
  } });
  startSweeper({ ...sweep, table: db.late_payments_due, handle: async (payment_id) => returnLatePayment(ports, db.late_payments.get(payment_id)!) });
  const held_orders = net.stored(process, mysql, memoryHeldOrders(db, now_ms), (name) => `held ${name}`);
  return { process, owner, signals, ports: { ...ports, paces, places, outlooks, driver, held_orders, advance: (order_id) => driver.wake(order_id) }, takeEvent: (event) => takeEvent(world, process, ports, driver, event) };
}

/** What main.ts does with signals. */
function hear(key: string, owner: QueueOwner, paces: Paces): void {
  const entered = runEntered(key);
  if (entered !== undefined) owner.wake(entered);
  const overdue = runOverdue(key);
  if (overdue !== undefined) owner.repeat(overdue);
  const latency = holdLatencyOf(key);
  if (latency !== undefined) paces.heard(latency);
}

/** What the handler of payment events does: inbox and effect in one transaction, the order driven on after its commit. */
async function takeEvent(world: World, process: Process, ports: Ports, driver: OrderDriver, event: SimEvent): Promise<void> {
  if (event.type !== 'PaymentSucceeded') return;
  const payment = event.payload as Payment;
  // The difference of a change is aftersales' money.
  if (payment.kind !== 'PURCHASE') return;
  const { net, order_db: db } = world;
  const outcome = await net.ask(process, world.stores.order, 'event', async () => {
    if (!world.plant.without_inbox && db.inbox.has(event.event_id)) return undefined;
    for (let tried = 0; tried < EVENT_TRIES; tried += 1) {
      const transaction = new OrderTransaction(db);
      const taken = await takePayment(ports, transaction, { payment_id: String(payment.payment_id), order_id: String(payment.order_id), amount_fen: payment.amount_fen }, 'event');
      if (!transaction.commit()) continue;
      db.inbox.add(event.event_id);
      world.takings += payment.amount_fen;
      return taken;
    }
    throw new ContentionError('an event met another writer each time');
  });
  if (outcome === 'taken') driver.wake(String(payment.order_id));
}

/** Leases of the buckets that have runs here: kit/store/lease.ts on the simulation's clock. */
function keepQueues(world: World, process: Process): { leaseOf(bucket: number): Lease | undefined; run(owner: QueueOwner): void } {
  const { net, order_db: db, scheduler } = world;
  const held = new Map<number, { lease: Lease; safe_until_ms: number }>();
  const current = (bucket: number): Lease | undefined => {
    const mine = held.get(bucket);
    return mine !== undefined && scheduler.now_ms() < mine.safe_until_ms ? mine.lease : undefined;
  };
  const step = async (bucket: number): Promise<boolean> => {
    const asked_ms = scheduler.now_ms();
    const mine = held.get(bucket);
    const name = `queue/${bucket}`;
    if (net.faults.hits('lease_lost')) db.leases.expire(name);
    if (mine !== undefined && current(bucket) !== undefined) {
      if (await net.ask(process, world.stores.order, 'renewLease', () => db.leases.renew(mine.lease, LEASE_MS, db.now_ms()))) held.set(bucket, { lease: mine.lease, safe_until_ms: asked_ms + LEASE_MS * 0.8 });
      else held.delete(bucket);
      return false;
    }
    held.delete(bucket);
    const lease = await net.ask(process, world.stores.order, 'acquireLease', () => db.leases.acquire(name, process.name, LEASE_MS, db.now_ms()));
    if (lease !== undefined) held.set(bucket, { lease, safe_until_ms: asked_ms + LEASE_MS * 0.8 });
    return lease !== undefined;
  };
  return {
    leaseOf: current,
    run(owner) {
      const every = (ms: number, work: () => Promise<unknown>): void => {
        const round = async (): Promise<void> => {
          await work().catch(() => undefined);
          await world.untilBusy();
          process.timers.after(ms, () => void round());
        };
        process.timers.after(world.scheduler.random.unit() * 50, () => void round());
      };
      for (const bucket of new Set(world.timetable.sold.map(({ run_id }) => bucketOf(run_id, QUEUE_BUCKETS)))) {
        every(LEASE_MS / 4, async () => {
          if (await step(bucket)) await owner.look().catch(() => undefined);
        });
      }
      every(LOOK_MS, () => owner.look());
    },
  };
}

/** Notes for the oracle who left the queue when, and by whose word. */
function watched(world: World, store: Ports['entries']): Ports['entries'] {
  const { order_db: db } = world;
  return {
    ...store,
    async submit(entry, claims, key, actor) {
      const submitted = await store.submit(entry, claims, key, actor);
      if (submitted.ok) world.oracle.entered(submitted.value.entry_id);
      return submitted;
    },
    async start(entry_ids, lease) {
      const fenced = !db.leases.held(lease, db.now_ms());
      const waiting = [...db.entries.values()].filter(({ state }) => state === 'WAITING');
      const started = await store.start(entry_ids, lease);
      if (started !== undefined && started.length > 0) world.oracle.dequeued(started, waiting, fenced);
      return started;
    },
    async place(orders, lease) {
      const fenced = !db.leases.held(lease, db.now_ms());
      const placed = await store.place(orders, lease);
      if (placed.length > 0 && fenced) world.oracle.fault('orders were placed by an owner whose lease was over');
      return placed;
    },
  };
}

export function logOf(world: World, process: Process): OrderLog {
  const write = (fields: object, message: string): void => {
    const { error } = fields as { error?: unknown };
    world.scheduler.note(process.name, `… ${message}${error === undefined ? '' : `: ${String(error)}`}`);
    if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) world.oracle.fault(`${message}: ${error.stack ?? String(error)}`);
  };
  return { info: write, warn: write, error: write };
}

/** Whenever an order was written the oracle looks at its tickets. */
function judged(world: World, store: Ports['orders']): Ports['orders'] {
  return {
    ...store,
    async apply(change, options) {
      const applied = await store.apply(change, options);
      world.oracle.written(change.after.order_id);
      return applied;
    },
    async applyOnce(key, order_id, decide, options) {
      const applied = await store.applyOnce(key, order_id, decide, options);
      world.oracle.written(order_id);
      return applied;
    },
  };
}
