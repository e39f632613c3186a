/** A process of the payment service. */
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import { drivePayment } from '../../../services/payment/app/drive_payment.ts';
import { driveRefund } from '../../../services/payment/app/drive_refund.ts';
import type { Actor, Gateway, PaymentStore, RefundStore } from '../../../services/payment/app/ports.ts';
import { memoryPaymentRefundStore } from '../memory/payment_refund_store.ts';
import { memoryPaymentStore } from '../memory/payment_store.ts';
import type { Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';

export type PaymentNode = { process: Process; payments: PaymentStore; refunds: RefundStore; gateway: Gateway; actor: Actor };

export const CHANNEL = 'alipay';

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
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.payments_due, handle: (payment_id) => drivePayment({ store: payments, gateway, clock }, BigInt(payment_id), NEVER) });
  startSweeper({ ...sweep, table: db.refunds_due, handle: (refund_id, attempts) => driveRefund({ store: refunds, gateway }, refund_id, attempts, NEVER) });
  const actor = { account_id: '', service: 'order', device_id: '', ip: '', request_id: '', method: '', body_hash: new Uint8Array(32) };
  return { process, payments, refunds, gateway, actor };
}
