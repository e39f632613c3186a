/** EntryStore in memory. Each method is one step: what the SQL does in one transaction. */
import { fail, ok } from '#kit/base/result.ts';
import type { EntryStore } from '../../../services/order/app/ports.ts';
import { demandOf } from '../../../services/order/domain/demand.ts';
import { isOpen, type QueueEntry } from '../../../services/order/domain/entry.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import { scoreOf } from '../../../services/order/domain/priority.ts';
import { frozen } from './frozen.ts';
import { claimDays, freeDays } from './order_claims.ts';
import type { OrderDb } from './order_db.ts';
import { insertOrder } from './order_store.ts';

const FIRST_LOOK_MS = 60_000;
const PROCESSING_MS = 10_000;
const STANDBY_MS = 3000;

/** `now_ms`: the clock of the process, as the SQL store takes times of rows from it; what is due goes by the database's. */
export function memoryEntryStore(db: OrderDb, now_ms: () => number): EntryStore {
  return { ...reads(db), ...writes(db, now_ms) };
}

type Reads = Pick<EntryStore, 'find' | 'outcome' | 'openRuns' | 'waiting' | 'waitingBefore' | 'inFlight' | 'demands' | 'newest' | 'queues'>;

function reads(db: OrderDb): Reads {
  const waiting = (run_id: string): QueueEntry[] => [...db.entries.values()].filter((entry) => entry.run_id === run_id && entry.state === 'WAITING').toSorted(byService);
  return {
    async find(entry_id) {
      return db.entries.get(entry_id);
    },
    async outcome(entry_id) {
      const entry = db.entries.get(entry_id);
      return entry === undefined ? undefined : { state: entry.state, order_id: entry.order_id, reason: entry.reason, standby_id: entry.standby_id, standby_reason: entry.standby_reason };
    },
    async openRuns(limit) {
      const runs = new Map([...db.entries.values()].filter(({ state }) => isOpen(state)).map(({ run_id, bucket }) => [run_id, bucket]));
      return [...runs].map(([run_id, bucket]) => ({ run_id, bucket, waiting: waiting(run_id).length > 0 })).slice(0, limit);
    },
    async waiting(run_id, limit) {
      return waiting(run_id).slice(0, limit).map(({ entry_id, priority, sequence }) => ({ entry_id, priority, sequence }));
    },
    async waitingBefore(run_id, sequence) {
      return waiting(run_id).filter((entry) => entry.sequence < sequence).length;
    },
    async inFlight(run_id, limit) {
      const left = [...db.entries.values()].filter((entry) => entry.run_id === run_id && entry.state === 'PROCESSING');
      return left.toSorted((a, b) => (a.dequeue_ms ?? 0) - (b.dequeue_ms ?? 0) || byService(a, b)).slice(0, limit);
    },
    async demands(run_id, limit) {
      const in_flight = [...db.entries.values()].filter((entry) => entry.run_id === run_id && entry.state === 'PROCESSING').slice(0, limit);
      const known = waiting(run_id).slice(0, limit - in_flight.length).flatMap(({ priority, sequence, body }) => {
        const demand = demandOf(body);
        return demand === undefined ? [] : [{ score: scoreOf(priority, sequence), demand }];
      });
      return { waiting: known, in_flight: in_flight.flatMap(({ body }) => demandOf(body) ?? []) };
    },
    async newest() {
      return db.sequence;
    },
    async queues(limit, offset) {
      const open = [...db.entries.values()].filter(({ state }) => isOpen(state));
      const queues = [...Map.groupBy(open, ({ run_id }) => run_id)].map(([run_id, entries]) => {
        const { bucket } = entries[0]!;
        const lease = db.leases.current(`queue/${bucket}`);
        const length = entries.filter(({ state }) => state === 'WAITING').length;
        return { run_id, bucket, length, in_flight: entries.length - length, owner: lease?.owner ?? '', term: lease?.term ?? 0n };
      });
      return queues.toSorted((a, b) => b.length - a.length || (a.run_id < b.run_id ? -1 : 1)).slice(offset, offset + limit);
    },
  };
}

function writes(db: OrderDb, now_ms: () => number): Omit<EntryStore, keyof Reads> {
  return {
    async submit(entry, claims, key) {
      const done = db.submissions.once({ ...key, now_ms: now_ms() }, () => {
        const claimed = claimDays(db, entry.entry_id, claims);
        if (!claimed.ok) return claimed;
        db.sequence += 1;
        put(db, { ...entry, state: 'WAITING', hold_no: 0, sequence: db.sequence }, FIRST_LOOK_MS, 0);
        return ok(entry.entry_id);
      });
      if (!done.ok) return done;
      const stored = db.entries.get(entry.entry_id);
      return stored === undefined ? fail('CONFLICT') : ok(stored);
    },
    async start(entry_ids, lease) {
      if (!db.leases.held(lease, db.now_ms())) return undefined;
      const started: QueueEntry[] = [];
      for (const entry_id of entry_ids) {
        const entry = db.entries.get(entry_id);
        if (entry?.state === 'WAITING') started.push(put(db, { ...entry, state: 'PROCESSING', dequeue_ms: now_ms() }, PROCESSING_MS, 0));
      }
      return started;
    },
    async place(orders, lease) {
      if (!db.leases.held(lease, db.now_ms())) return [];
      const fresh = orders.filter(({ entry_id }) => db.entries.get(entry_id)?.state === 'PROCESSING');
      for (const order of fresh) placeOne(db, order);
      return fresh.map(({ entry_id }) => entry_id);
    },
    async end(entry_id, to, reason, _actor, from) {
      const entry = db.entries.get(entry_id);
      const open = from === undefined ? entry?.state === 'WAITING' || entry?.state === 'PROCESSING' : entry?.state === from;
      if (entry === undefined || !open) return false;
      put(db, { ...entry, state: to, reason: reason === '' ? undefined : reason }, undefined);
      freeDays(db, entry_id);
      return true;
    },
    async failMany(refused) {
      const reasons = new Map(refused.map(({ entry_id, reason }) => [entry_id, reason]));
      const ended = [...reasons].filter(([entry_id]) => db.entries.get(entry_id)?.state === 'PROCESSING');
      for (const [entry_id, reason] of ended) {
        put(db, { ...db.entries.get(entry_id)!, state: 'FAILED', reason }, undefined);
        freeDays(db, entry_id);
      }
      return ended.map(([entry_id]) => entry_id);
    },
    async toStandby(turned, _actor, from) {
      const moved = turned.filter(({ entry_id }) => db.entries.get(entry_id)?.state === from);
      for (const { entry_id, reason, after_ms } of moved) {
        put(db, { ...db.entries.get(entry_id)!, state: 'STANDBY', reason, standby_since_ms: now_ms(), standby_after_ms: after_ms }, from === 'WAITING' ? STANDBY_MS : 0, 0);
        freeDays(db, entry_id);
      }
      return moved.map(({ entry_id }) => entry_id);
    },
    async endStandby(entry_id, became) {
      const entry = db.entries.get(entry_id);
      if (entry?.state !== 'STANDBY') return false;
      put(db, { ...entry, state: 'FAILED', ...('standby_id' in became ? became : { standby_reason: became.reason }) }, undefined);
      return true;
    },
    async nextHold(entry_id, hold_no) {
      const entry = db.entries.get(entry_id);
      if (entry?.state === 'PROCESSING' && entry.hold_no < hold_no) put(db, { ...entry, hold_no }, 0);
    },
    async postpone(entry_id, wait_ms) {
      const entry = db.entries.get(entry_id);
      if (entry?.state === 'WAITING' || entry?.state === 'PROCESSING') put(db, entry, wait_ms);
    },
  };
}

function placeOne(db: OrderDb, order: Order): void {
  if (db.orders_of_entry.has(order.entry_id)) throw new Error(`entry ${order.entry_id} has an order already`);
  insertOrder(db, order);
  put(db, { ...db.entries.get(order.entry_id)!, state: 'ORDERED', order_id: order.order_id }, undefined);
  db.claims = db.claims.map((claim) => (claim.entry_id === order.entry_id ? { ...claim, order_id: order.order_id } : claim));
}

function put(db: OrderDb, entry: QueueEntry, next_in_ms: number | undefined, attempts?: number): QueueEntry {
  db.entries.set(entry.entry_id, frozen(entry));
  db.entries_due.set(entry.entry_id, next_in_ms === undefined ? undefined : db.now_ms() + next_in_ms, attempts);
  return entry;
}

function byService(left: QueueEntry, right: QueueEntry): number {
  return left.priority - right.priority || left.sequence - right.sequence;
}
