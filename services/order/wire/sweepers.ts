import type { Database } from '#kit/store/mysql.ts';
import { startBatchSweeper, startSweeper, type Sweeper } from '#kit/store/sweeper.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { OrderDriver } from '../app/advance.ts';
import { enterStandby } from '../app/enter_standby.ts';
import { followRun } from '../app/follow_run.ts';
import { returnLatePayment } from '../app/late_payment.ts';
import { recoverEntry } from '../app/recover_entry.ts';
import type { RunWords } from '../app/ports.ts';
import type { OwnerPorts } from '../app/queue_owner.ts';
import { lookedAt, type WordKey } from '../store/run_words.ts';
import type { Config } from './config.ts';

export type Sweepers = { orders: Sweeper; entries: Sweeper; standbys: Sweeper; late_payments: Sweeper; run_words: Sweeper };

/** Travellers look at the page while their standby is entered. */
const STANDBY_PAUSE_MAX_MS = 15_000;
/** A run with all its orders and those who wait for it takes longer than a row that is alone. */
const FOLLOW_MS = 60_000;

/** Every row that is not final is driven on by one of these. */
export function startSweepers(db: Database, log: Log, lifecycle: Lifecycle, { order_sweep_ms: poll_ms, order_look_again_ms }: Pick<Config, 'order_sweep_ms' | 'order_look_again_ms'>, parts: { driver: OrderDriver; ports: OwnerPorts; words: RunWords }): Sweepers {
  const { driver, ports, words } = parts;
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
      where: { sql: "state <> 'STANDBY'" },
      claim_ms: 10_000,
      handle: async ({ entry_id }) => {
        const again_in_ms = await recoverEntry(ports, entry_id);
        return again_in_ms === undefined ? undefined : { again_in_ms };
      },
    })),
    // A sweeper of its own, so that an aftersales that hangs keeps no queue from being made good.
    standbys: lifecycle.add('standby sweeper', startSweeper<{ entry_id: string }>({
      ...common,
      name: 'entry_standbys',
      table: 'queue_entry',
      key: ['entry_id'],
      where: { sql: "state = 'STANDBY'" },
      claim_ms: 10_000,
      backoff_cap_ms: STANDBY_PAUSE_MAX_MS,
      handle: ({ entry_id }) => enterStandby(ports, entry_id),
    })),
    late_payments: lifecycle.add('late payment sweeper', startSweeper<{ payment_id: string; order_id: string; reason: string }>({
      ...common,
      name: 'late_payments',
      table: 'late_payment',
      key: ['payment_id'],
      columns: ['order_id', 'reason'],
      handle: ({ payment_id, order_id, reason }) => returnLatePayment(ports, { payment_id, order_id, reason }),
    })),
    run_words: lifecycle.add('run sweeper', startBatchSweeper<WordKey>({
      ...common,
      name: 'run_words',
      table: 'run_word',
      key: ['run_id', 'revision', 'kind', 'part'],
      claim_ms: FOLLOW_MS,
      handleMany: async (rows) => {
        const failed = new Map<string, Error>();
        // All words of a run are followed together, and runs one after the other: orders have more urgent things to do.
        for (const [run_id, of_run] of Map.groupBy(rows, (row) => row.run_id)) {
          const look = followRun({ ...ports, words }, run_id).then(() => lookedAt(db, of_run, order_look_again_ms));
          await look.catch((error: unknown) => failed.set(run_id, error instanceof Error ? error : new Error(String(error))));
        }
        return rows.map(({ run_id }) => failed.get(run_id));
      },
    })),
  };
}
