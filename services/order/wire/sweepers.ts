import type { Database } from '#kit/store/mysql.ts';
import { startSweeper, type Sweeper } from '#kit/store/sweeper.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { OrderDriver } from '../app/advance.ts';
import { returnLatePayment } from '../app/late_payment.ts';
import { recoverEntry } from '../app/recover_entry.ts';
import type { OwnerPorts } from '../app/queue_owner.ts';

export type Sweepers = { orders: Sweeper; entries: Sweeper; late_payments: Sweeper };

/** Every row that is not final is driven on by one of these. */
export function startSweepers(db: Database, log: Log, lifecycle: Lifecycle, poll_ms: number, parts: { driver: OrderDriver; ports: OwnerPorts }): Sweepers {
  const { driver, ports } = parts;
  const common = { db, log, service: 'order', poll_ms };
  return {
    orders: lifecycle.add('order sweeper', startSweeper<{ order_id: bigint }>({
      ...common,
      name: 'orders',
      table: 'orders',
      key: ['order_id'],
      concurrency: 16,
      handle: ({ order_id }) => driver.advance(String(order_id), { ask_payments: true }),
    })),
    entries: lifecycle.add('entry sweeper', startSweeper<{ entry_id: string }>({
      ...common,
      name: 'entries',
      table: 'queue_entry',
      key: ['entry_id'],
      claim_ms: 10_000,
      handle: async ({ entry_id }) => {
        const again_in_ms = await recoverEntry(ports, entry_id);
        return again_in_ms === undefined ? undefined : { again_in_ms };
      },
    })),
    late_payments: lifecycle.add('late payment sweeper', startSweeper<{ payment_id: string; order_id: string; reason: string }>({
      ...common,
      name: 'late_payments',
      table: 'late_payment',
      key: ['payment_id'],
      columns: ['order_id', 'reason'],
      handle: ({ payment_id, order_id, reason }) => returnLatePayment(ports, { payment_id, order_id, reason }),
    })),
  };
}
