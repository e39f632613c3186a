/** Order's HeldOrders in memory: orders of places that are held already. */
import { ok } from '#kit/base/result.ts';
import type { HeldOrders } from '../../../services/order/app/create_held_order.ts';
import { claimDays } from './order_claims.ts';
import type { OrderDb } from './order_db.ts';
import { insertOrder } from './order_store.ts';

export function memoryHeldOrders(db: OrderDb, now_ms: () => number): HeldOrders {
  return {
    async place(order, claims, key, origin) {
      return db.submissions.once({ ...key, now_ms: now_ms() }, () => {
        const claimed = claimDays(db, order.entry_id, claims, { order_id: order.order_id });
        if (!claimed.ok) return claimed;
        if (db.orders_of_entry.has(order.entry_id)) throw new Error(`entry ${order.entry_id} has an order already`);
        insertOrder(db, order, origin === '' ? 'placed' : `placed: ${origin}`);
        return ok(order.order_id);
      });
    },
    async placedAs(entry_id) {
      return db.orders.get(db.orders_of_entry.get(entry_id) ?? '');
    },
  };
}
