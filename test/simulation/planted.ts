/**
 * Bugs that somebody could make, planted on purpose: each takes one safeguard away. A simulation that does not find one
 * of them within a thousand seeds would not find its like in the code either.
 */
import { ok } from '#kit/base/result.ts';
import { frozen } from './memory/frozen.ts';
import { memoryPaymentStore } from './memory/payment_store.ts';
import type { QueueLease } from '../../services/order/app/ports.ts';
import type { Plant } from './plant.ts';
import { PLANTED_AFTERSALES } from './planted_aftersales.ts';
import { PLANTED_STANDBY } from './planted_standby.ts';

export const PLANTED: Readonly<Record<string, Plant>> = {
  'a store that does not compare versions': {
    orders: (store, db) => ({
      ...store,
      async apply(change, options) {
        const stored = db.orders.get(change.before.order_id)!;
        // Writes what was decided on whatever is there now.
        if (stored.version !== change.before.version) db.orders.set(stored.order_id, frozen({ ...stored, version: change.before.version, items: change.before.items }));
        return store.apply(change, options);
      },
    }),
  },
  'a driver that closes payments without the last question to the gateway': {
    payments_peer: (payments, world) => ({
      ...payments,
      async close(order_id) {
        const mine = [...world.payment_db.payments.values()].filter((payment) => String(payment.order_id) === order_id);
        const paid = mine.find(({ state, settled }) => state === 'SUCCEEDED' && settled !== false);
        if (paid !== undefined) return ok({ paid: { ...paid, payment_id: String(paid.payment_id) }, closed: false });
        const listed = await payments.list(order_id);
        if (!listed.ok) return listed;
        const store = memoryPaymentStore(world.payment_db, { now_ms: () => world.scheduler.now_ms(), nextId: () => 0n });
        for (const { payment_id } of mine) await store.forceClose(payment_id);
        return ok({ closed: true });
      },
    }),
  },
  'a sale without compare-and-set': {
    inventory: (inventory) => ({ ...inventory, sell: async (order) => inventory.sell(order).then((sold) => (sold.ok || sold.error.reason !== 'HOLD_EXPIRED' ? sold : ok(undefined))) }),
  },
  "callbacks that are not recorded in their effect's transaction": {
    payments: (store, db) => ({
      ...store,
      async applyReport(report, mark) {
        if (mark !== undefined) {
          const key = `${report.trade_id}/${report.version}/${Buffer.from(mark.body_hash).toString('hex')}`;
          const noted = db.seen.has(key);
          db.seen.add(key);
          // The note is committed; the effect comes with the next transaction, or never.
          if (!noted && db.seen.size % 5 === 0) throw new Error('the process ended between the two transactions');
        }
        return store.applyReport(report, mark);
      },
    }),
  },
  'refunds without a bound, under an id made anew with each try': {
    payments_peer: (payments, world) => ({ ...payments, refund: (request) => payments.refund({ ...request, refund_id: `${request.refund_id}-${world.scheduler.between(1, 1e9)}` }) }),
    refunds: (store, db) => ({
      ...store,
      async create(wanted, actor) {
        const payment = db.payments.get(wanted.payment_id);
        if (payment === undefined || payment.state !== 'SUCCEEDED' || db.refunds.has(wanted.refund_id)) return store.create(wanted, actor);
        // As an UPDATE without its condition would.
        db.payments.set(payment.payment_id, frozen({ ...payment, refunded_fen: 0 }));
        const made = await store.create(wanted, actor);
        db.payments.set(payment.payment_id, frozen({ ...payment, refunded_fen: payment.refunded_fen + wanted.amount_fen }));
        return made;
      },
    }),
  },
  'an event consumer without inbox': { without_inbox: true },
  'a queue owner whose lease is not checked': {
    entries: (store, db) => {
      // Whoever asks passes for the owner of the moment.
      const passing = (lease: QueueLease): QueueLease => ({ ...lease, ...db.leases.current(lease.name) });
      return { ...store, start: (entry_ids, lease) => store.start(entry_ids, passing(lease)), place: (orders, lease) => store.place(orders, passing(lease)) };
    },
  },
  'hold ids that are not derived from the entry': {
    inventory: (inventory, world) => ({ ...inventory, holdMany: (requests) => inventory.holdMany(requests.map((request) => ({ ...request, hold_id: `${request.hold_id}-${world.scheduler.between(1, 1e9)}` }))) }),
  },
  'an expiry that forgets to release': {
    inventory: (inventory) => ({ ...inventory, release: async (hold) => (hold.reason === 'EXPIRED' ? ok(undefined) : inventory.release(hold)) }),
  },
  'tickets that are issued before their places are sold': {
    inventory: (inventory, world) => ({
      ...inventory,
      async sell(order) {
        world.scheduler.after(20_000, () => void inventory.sell(order));
        return ok(undefined);
      },
    }),
  },
  'money that is refused and not returned': {
    payments: (store, db) => ({
      ...store,
      async settle(settlements, actor) {
        const outcomes = [];
        for (const settlement of settlements) {
          const { payment_id, accepted } = settlement;
          const payment = db.payments.get(payment_id);
          if (accepted || payment === undefined) {
            outcomes.push(...(await store.settle([settlement], actor)));
            continue;
          }
          db.payments.set(payment_id, frozen({ ...payment, settled: false }));
          db.payments_due.set(String(payment_id), undefined);
          outcomes.push(ok({ payment, refund: undefined }));
        }
        return outcomes;
      },
    }),
  },
  'a queue that serves whoever was heard of last': {
    entries: (store) => ({ ...store, waiting: async (run_id, limit) => (await store.waiting(run_id, 1000)).toReversed().slice(0, limit) }),
  },
  ...PLANTED_AFTERSALES,
  ...PLANTED_STANDBY,
};
