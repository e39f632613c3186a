/** Orders that did not come through the queue. */
import { ok, type Result } from '#kit/base/result.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { HeldOrders } from '../app/create_held_order.ts';
import type { OrderStore } from '../app/ports.ts';
import { claimDays } from './claims.ts';
import { insertOrders, type WriteTools } from './order_write.ts';

export function openHeldOrders(db: Database, tools: WriteTools, orders: Pick<OrderStore, 'find'>): HeldOrders {
  return {
    async place(order, claims, key, origin): Promise<Result<string>> {
      const done = await db.transaction((tx) =>
        withRequestId(tx, { ...key, now_ms: tools.now_ms() }, async () => {
          const claimed = await claimDays(tx, order.entry_id, claims, { order_id: order.order_id });
          if (!claimed.ok) return claimed;
          await insertOrders(tx, [order], tools, origin === '' ? 'placed' : `placed: ${origin}`);
          return ok(Buffer.from(order.order_id));
        }),
      );
      return done.ok ? ok(Buffer.from(done.value.answer).toString()) : done;
    },
    async placedAs(entry_id) {
      const [row] = await db.query<{ order_id: bigint }>('SELECT order_id FROM orders WHERE entry_id = ?', [entry_id]);
      return row === undefined ? undefined : orders.find(String(row.order_id));
    },
  };
}
