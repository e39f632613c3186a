/** A process of the payment service. */
import { FailureError } from '#kit/base/result.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import { drivePayment } from '../../../services/payment/app/drive_payment.ts';
import { driveRefund } from '../../../services/payment/app/drive_refund.ts';
import type { Actor, Gateway, PaymentStore, RefundStore } from '../../../services/payment/app/ports.ts';
import { verdictOf, type Payment } from '../../../services/payment/domain/payment.ts';
import { memoryPaymentRefundStore } from '../memory/payment_refund_store.ts';
import { memoryPaymentStore } from '../memory/payment_store.ts';
import type { Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';

export type PaymentNode = { process: Process; payments: PaymentStore; refunds: RefundStore; gateway: Gateway; actor: Actor };

export const CHANNEL = 'alipay';

const READ_MS = 1000;
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
  /** What its order says of the money, asked in payment's own name. */
  const verdict = async (payment: Payment): Promise<'wanted' | 'unwanted' | 'undecided'> => {
    const order = await world.rpc(process, 'order', 'verdict', READ_MS, ({ ports }) => getOrder(ports, String(payment.order_id), { ...SYSTEM, service: 'payment' }));
    if (!order.ok) throw new FailureError(order.error);
    return verdictOf(payment, { state: order.value.state, payment_id: order.value.payment_id ?? '' });
  };
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.payments_due, handle: (payment_id, attempts) => drivePayment({ store: payments, gateway, orders: { verdict }, letters: world.letters, clock }, BigInt(payment_id), NEVER, attempts) });
  startSweeper({ ...sweep, table: db.refunds_due, handle: (refund_id, attempts) => driveRefund({ store: refunds, gateway, letters: world.letters }, refund_id, attempts, NEVER) });
  const actor = { account_id: '', service: 'order', device_id: '', ip: '', request_id: '', method: '', body_hash: new Uint8Array(32) };
  return { process, payments, refunds, gateway, actor };
}
