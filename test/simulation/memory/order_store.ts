/** OrderStore in memory. */
import { serviceDateAt } from '#kit/base/time.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { OrderStore, RunItem, TimelineRow } from '../../../services/order/app/ports.ts';
import type { ClaimChange, OrderChange } from '../../../services/order/domain/change.ts';
import { journeyOf, type Order } from '../../../services/order/domain/order.ts';
import { frozen } from './frozen.ts';
import { claimDays, freeDays, freeDaysBeside } from './order_claims.ts';
import type { OrderDb } from './order_db.ts';

const ATTACH_MS = 3000;
const STUCK_MS = 60_000;

export function memoryOrderStore(db: OrderDb, now_ms: () => number): OrderStore {
  return {
    ...reads(db),
    async apply(change, { next_ms }) {
      return write(db, change, next_ms);
    },
    async applyOnce(key, order_id, decide, { next_ms }) {
      return db.changes.once({ ...key, now_ms: now_ms() }, (): Result<Order> => {
        const order = db.orders.get(order_id);
        const change = decide(order);
        if (!change.ok) return change;
        if (change.value === undefined) return ok(order!);
        const reclaimed = reclaim(db, change.value);
        if (!reclaimed.ok) return reclaimed;
        return write(db, change.value, next_ms) ? ok(change.value.after) : fail('VERSION_STALE');
      });
    },
    async note(order, { todo, attempts, next_ms }) {
      const stored = db.orders.get(order.order_id);
      if (stored?.version !== order.version) return;
      db.orders.set(order.order_id, frozen({ ...stored, todo: [...todo], attempts }));
      db.orders_due.set(order.order_id, next_ms === undefined ? undefined : db.now_ms() + next_ms, attempts);
    },
    async addLatePayment(payment) {
      return addLatePayment(db, payment);
    },
    async latePaymentDone(payment_id) {
      const late = db.late_payments.get(payment_id);
      if (late !== undefined) db.late_payments.set(payment_id, { ...late, done: true });
      db.late_payments_due.set(payment_id, undefined);
    },
    async cancellations(account_id, day) {
      return db.cancellations.get(`${account_id}/${day}`) ?? 0;
    },
  };
}

/** Everything at once or, where a version has moved on meanwhile, nothing: a transaction of reads and few writes. */
export class OrderTransaction implements Pick<OrderStore, 'find' | 'apply' | 'addLatePayment'> {
  readonly #db: OrderDb;
  readonly #writes: { holds(): boolean; write(): void }[] = [];

  constructor(db: OrderDb) {
    this.#db = db;
  }

  async find(order_id: string): Promise<Order | undefined> {
    return this.#db.orders.get(order_id);
  }

  async apply(change: OrderChange, { next_ms }: { next_ms?: number }): Promise<boolean> {
    const holds = (): boolean => this.#db.orders.get(change.before.order_id)?.version === change.before.version;
    if (holds()) this.#writes.push({ holds, write: () => void write(this.#db, change, next_ms) });
    return holds();
  }

  async addLatePayment(payment: Parameters<OrderStore['addLatePayment']>[0]): Promise<boolean> {
    if (this.#db.late_payments.has(payment.payment_id)) return false;
    this.#writes.push({ holds: () => true, write: () => void addLatePayment(this.#db, payment) });
    return true;
  }

  /** False: another writer was faster, nothing was written. */
  commit(): boolean {
    if (!this.#writes.every(({ holds }) => holds())) return false;
    for (const { write: done } of this.#writes) done();
    return true;
  }
}

export function insertOrder(db: OrderDb, order: Order, cause = 'placed'): void {
  db.orders.set(order.order_id, frozen(order));
  db.orders_of_entry.set(order.entry_id, order.order_id);
  db.orders_due.set(order.order_id, db.now_ms() + ATTACH_MS, 0);
  db.timeline.set(order.order_id, order.items.map((item) => ({ time_ms: order.update_ms, item_no: item.item_no, to: item.state, cause, version: item.version, trace_id: '' })));
}

function write(db: OrderDb, change: OrderChange, next_ms: number | undefined): boolean {
  const { before, after, moves, cause } = change;
  const stored = db.orders.get(before.order_id);
  if (stored?.version !== before.version) return false;
  for (const { item_no, from_version } of moves) {
    if (stored.items.find((item) => item.item_no === item_no)?.version !== from_version) throw new Error(`item ${after.order_id}-${item_no} has another version than its order says`);
  }
  db.orders.set(after.order_id, frozen({ ...after, attempts: 0 }));
  db.orders_due.set(after.order_id, next_ms === undefined ? undefined : db.now_ms() + next_ms, 0);
  const moved = moves.map((move) => ({ ...move, item: after.items.find(({ item_no }) => item_no === move.item_no)! }));
  db.timeline.get(after.order_id)!.push(...moved.map(({ item, from }): TimelineRow => ({ time_ms: after.update_ms, item_no: item.item_no, from, to: item.state, cause, version: item.version, trace_id: '' })));
  const closed = moved.filter(({ item, from }) => item.state === 'CLOSED' && from !== 'CLOSED').map(({ item_no }) => item_no);
  if (closed.length > 0) freeDays(db, after.entry_id, closed);
  if (after.state === 'CLOSED' && before.state !== 'CLOSED') db.closed_ms.set(after.order_id, db.now_ms());
  countCancellation(db, change);
  return true;
}

function reclaim(db: OrderDb, { after, claimed = [] }: OrderChange): Result<undefined> {
  const before = db.claims;
  const { order_id, entry_id } = after;
  const of = (how: ClaimChange['how']) => claimed.filter((one) => one.how === how);
  freeDays(db, entry_id, of('INSTEAD').map(({ item_no }) => item_no));
  freeDaysBeside(db, entry_id, of('BACK').map(({ item_no }) => item_no));
  const instead = claimDays(db, entry_id, of('INSTEAD').flatMap(({ claims }) => claims), { order_id });
  const done = instead.ok ? claimDays(db, entry_id, of('BESIDE').flatMap(({ claims }) => claims), { order_id, beside: true }) : instead;
  if (!done.ok) db.claims = before;
  return done;
}

function countCancellation(db: OrderDb, { before, after }: OrderChange): void {
  if (before.state !== 'CLOSING' || after.state !== 'CLOSED') return;
  const expired = after.close_reason === 'EXPIRED' && after.update_ms >= after.pay_expire_ms;
  if (after.close_reason !== 'CANCELLED' && !expired) return;
  const key = `${after.account_id}/${serviceDateAt(after.update_ms)}`;
  db.cancellations.set(key, (db.cancellations.get(key) ?? 0) + 1);
}

function addLatePayment(db: OrderDb, { payment_id, order_id, reason }: { payment_id: string; order_id: string; reason: string }): boolean {
  if (db.late_payments.has(payment_id)) return false;
  db.late_payments.set(payment_id, { payment_id, order_id, reason, done: false });
  db.late_payments_due.set(payment_id, db.now_ms());
  return true;
}

type Reads = Pick<OrderStore, 'find' | 'list' | 'timeline' | 'runItems' | 'unpaid' | 'stats'>;

function reads(db: OrderDb): Reads {
  const newestFirst = (left: Order, right: Order): number => (BigInt(left.order_id) < BigInt(right.order_id) ? 1 : -1);
  return {
    async find(order_id) {
      return db.orders.get(order_id);
    },
    async list({ account_id, run_id, order_id, person, states, before, limit }) {
      const found = [...db.orders.values()].filter(
        (order) =>
          (account_id === undefined || order.account_id === account_id) && (run_id === undefined || order.journey.run_id === run_id) && (order_id === undefined || order.order_id === order_id) &&
          (person === undefined || order.items.some((item) => item.person === person)) && (states.length === 0 || states.includes(order.state)) && (before === undefined || BigInt(order.order_id) < BigInt(before)),
      );
      return found.toSorted(newestFirst).slice(0, limit);
    },
    async timeline(order_id) {
      return [...(db.timeline.get(order_id) ?? [])];
    },
    async runItems(run_ids, after, limit) {
      const items = [...db.orders.values()].flatMap((order) => runItemsOf(order)).filter(({ placed_on, order_id }) => {
        if (!run_ids.includes(placed_on)) return false;
        return after === undefined || placed_on > after.run_id || (placed_on === after.run_id && BigInt(order_id) > BigInt(after.order_id));
      });
      return items.toSorted((a, b) => compare(a.placed_on, b.placed_on) || Number(BigInt(a.order_id) - BigInt(b.order_id)) || a.item_no - b.item_no).slice(0, limit);
    },
    async unpaid(run_id, limit) {
      const open = [...db.orders.values()].filter(({ journey, state, todo }) => journey.run_id === run_id && (state === 'WAIT_PAY' || state === 'CLOSING' || todo.includes('release')));
      return open.flatMap(({ items }) => items).slice(0, limit).flatMap(({ seat_parts }) => seat_parts);
    },
    async stats() {
      const count = <S extends string>(states: readonly S[]): { state: S; count: number }[] => [...Map.groupBy(states, (state) => state)].map(([state, all]) => ({ state, count: all.length }));
      const under_way = [...db.orders.values()].map(({ state }) => state).filter((state) => state !== 'SUCCESS' && state !== 'CLOSED');
      const entries = [...db.entries.values()].map(({ state }) => state).filter((state) => state === 'WAITING' || state === 'PROCESSING');
      const stuck = [...db.orders.keys()].filter((order_id) => (db.orders_due.get(order_id)?.next_ms ?? Infinity) < db.now_ms() - STUCK_MS).length;
      return { orders: count(under_way), entries: count(entries), stuck };
    },
  };
}

function runItemsOf(order: Order): RunItem[] {
  if (order.state === 'CLOSED') return [];
  return order.items
    .filter(({ state }) => state !== 'CLOSED')
    .map((item) => ({ order_id: order.order_id, placed_on: order.journey.run_id, run_id: journeyOf(order, item).run_id, hold_id: item.hold_id, item_no: item.item_no, state: item.state, seat_parts: item.seat_parts }));
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
