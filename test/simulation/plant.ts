/** How a bug is planted: functions that take the place of what the world would wire. Each is optional. */
import type { ChangeStore } from '../../services/aftersales/app/change_ports.ts';
import type { Inventory, Payments } from '../../services/order/app/peers.ts';
import type { EntryStore, OrderStore, WaitingQueue } from '../../services/order/app/ports.ts';
import type { PaymentStore, RefundStore } from '../../services/payment/app/ports.ts';
import type { AftersalesDb } from './memory/aftersales_store.ts';
import type { StandbyStore } from '../../services/aftersales/app/standby_ports.ts';
import type { OrderDb } from './memory/order_db.ts';
import type { PaymentDb } from './memory/payment_db.ts';
import type { RefundPeers } from './nodes/aftersales_node.ts';
import type { ChangePeers } from './nodes/change_peers.ts';
import type { StandbyDb } from './memory/standby_db.ts';
import type { StandbyPeers } from './nodes/standby_node.ts';
import type { KeptSeats } from './outside/kept_seats.ts';
import type { World } from './world.ts';

export type Plant = {
  entries?(store: EntryStore, db: OrderDb, now_ms: () => number): EntryStore;
  orders?(store: OrderStore, db: OrderDb): OrderStore;
  queue?(queue: WaitingQueue): WaitingQueue;
  inventory?(inventory: Inventory, world: World): Inventory;
  payments_peer?(payments: Payments, world: World): Payments;
  payments?(store: PaymentStore, db: PaymentDb): PaymentStore;
  refunds?(store: RefundStore, db: PaymentDb): RefundStore;
  changes?(store: ChangeStore, db: AftersalesDb): ChangeStore;
  change_peers?(peers: ChangePeers, world: World): ChangePeers;
  refund_peers?(peers: RefundPeers, world: World): RefundPeers;
  standbys?(store: StandbyStore, db: StandbyDb): StandbyStore;
  standby_peers?(peers: StandbyPeers, world: World): StandbyPeers;
  kept?(kept: KeptSeats): void;
  without_inbox?: boolean;
};
