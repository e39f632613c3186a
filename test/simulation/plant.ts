/** How a bug is planted: functions that take the place of what the world would wire. Each is optional. */
import type { Inventory, Payments } from '../../services/order/app/peers.ts';
import type { EntryStore, OrderStore, WaitingQueue } from '../../services/order/app/ports.ts';
import type { PaymentStore, RefundStore } from '../../services/payment/app/ports.ts';
import type { OrderDb } from './memory/order_db.ts';
import type { PaymentDb } from './memory/payment_db.ts';
import type { World } from './world.ts';

export type Plant = {
  entries?(store: EntryStore, db: OrderDb, now_ms: () => number): EntryStore;
  orders?(store: OrderStore, db: OrderDb): OrderStore;
  queue?(queue: WaitingQueue): WaitingQueue;
  inventory?(inventory: Inventory, world: World): Inventory;
  payments_peer?(payments: Payments, world: World): Payments;
  payments?(store: PaymentStore, db: PaymentDb): PaymentStore;
  refunds?(store: RefundStore, db: PaymentDb): RefundStore;
  without_inbox?: boolean;
};
