/** A process of the payment service. */
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import { drivePayment } from '../../../services/payment/app/drive_payment.ts';
import { driveRefund } from '../../../services/payment/app/drive_refund.ts';
import type { Actor, Gateway, Payment, PaymentStore, RefundStore } from '../../../services/payment/app/ports.ts';
import { verdictOf, type OrderView } from '../../../services/payment/domain/payment.ts';
import { memoryPaymentRefundStore } from '../memory/payment_refund_store.ts';
import { memoryPaymentStore } from '../memory/payment_store.ts';
import type { Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';

export type PaymentNode = { process: Process; payments: PaymentStore; refunds: RefundStore; gateway: Gateway; actor: Actor };

export const CHANNEL = 'alipay';

const VERDICT_MS = 1000;

const NEVER = new AbortController().signal;

export function startPayment(world: World, process: Process, worker: number): PaymentNode {
  const { net, payment_db: db, plant } = world;
  const { clock } = process;
  const mysql = world.stores.payment;
  const ids = new SnowflakeGenerator({ clock, worker: worker % WORKERS, after_ms: 0 });
  const plain = memoryPaymentStore(db, { now_ms: clock.now_ms, nextId: (gene) => ids.next(gene) });
  const plain_refunds = memoryPaymentRefundStore(db, clock.now_ms);
  const payments = net.stored(process, mysql, plant.payments?.(plain, db) ?? plain);
  const refunds = net.stored(process, mysql, plant.refunds?.(plain_refunds, db) ?? plain_refunds);
  const gateway = world.gateway.port(process);
  const orders = { verdict: (payment: Payment) => net.call(process, 'order.GetOrder', VERDICT_MS, () => verdictOf(payment, orderView(world, payment))) };
  // What people do with a letter is the oracle's matter: to them a refund that was given up is an order.
  const letters = { putPayment: async () => undefined, putRefund: async () => undefined };
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.payments_due, handle: (payment_id, attempts) => drivePayment({ store: payments, gateway, orders, letters, clock }, BigInt(payment_id), NEVER, attempts) });
  startSweeper({ ...sweep, table: db.refunds_due, handle: (refund_id, attempts) => driveRefund({ store: refunds, gateway, letters }, refund_id, attempts, NEVER) });
  const actor = { account_id: '', service: 'order', device_id: '', ip: '', request_id: '', method: '', body_hash: new Uint8Array(32) };
  return { process, payments, refunds, gateway, actor };
}

function orderView({ order_db }: World, { order_id }: Payment): OrderView {
  const order = order_db.orders.get(String(order_id));
  if (order === undefined) throw new Error(`order ${order_id} is not there`);
  return { state: order.state, payment_id: order.payment_id ?? '' };
}
