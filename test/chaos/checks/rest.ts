/** Has everything come to rest? Every row that is not final has a next action (DESIGN §5), so the tables say it themselves. */
import type { World } from '../world.ts';
import { databasesWith, streamsOf } from './events.ts';

/**
 * What a row that is not over looks like. A row without a next action counts as well: nobody would ever come back to it,
 * and a list of what is due would never name it.
 */
const OPEN: Readonly<Record<string, string>> = {
  'chunyun_order.queue_entry': "state IN ('WAITING', 'PROCESSING', 'STANDBY')",
  'chunyun_order.orders': "state NOT IN ('SUCCESS', 'CLOSED') OR todo <> ''",
  'chunyun_order.late_payment': 'done_time IS NULL',
  'chunyun_payment.payment': "state IN ('CREATED', 'PENDING') OR (state = 'SUCCEEDED' AND settled IS NULL)",
  'chunyun_payment.refund': "state <> 'SUCCEEDED'",
  'chunyun_ticketing.issue': "state IN ('ISSUING', 'ABORTING')",
  'chunyun_ticketing.ticket': "state = 'ISSUING' OR railway_state = 'VOID_DUE'",
  'chunyun_aftersales.refund': "stage NOT IN ('DONE', 'REFUSED')",
  'chunyun_aftersales.ticket_change': "stage NOT IN ('DONE', 'CANCELLED', 'REFUSED')",
  'chunyun_aftersales.standby': "state NOT IN ('SUCCESS', 'FAIL')",
  'chunyun_aftersales.run_refund': "state = 'ACTIVE'",
  'chunyun_aftersales.run_refund_order': "state = 'OPEN'",
  'chunyun_notification.message_delivery': "state = 'PENDING'",
  'chunyun_inventory.seat_hold': "state = 'HELD'",
};

/**
 * What is still to happen, in words: rows with a next action, rows of any kind that are not over, events not yet published
 * or taken. A hold without an order counts as well: its backstop is a minute.
 */
export async function unrest(world: World): Promise<string[]> {
  const found: string[] = [];
  const tables = await world.rows<{ name: string; table: string }>("SELECT table_schema AS name, table_name AS `table` FROM information_schema.columns WHERE column_name = 'next_action_time' AND table_schema LIKE 'chunyun\\_%' ORDER BY 1, 2");
  for (const { name, table } of tables) {
    const [row] = await world.rows<{ n: number; late: number | null }>(`SELECT COUNT(*) AS n, MAX(TIMESTAMPDIFF(SECOND, next_action_time, UTC_TIMESTAMP(3))) AS late FROM ${name}.\`${table}\` WHERE next_action_time IS NOT NULL`);
    if (row!.n > 0) found.push(`${name}.${table}: ${row!.n} rows have something due (${row!.late} s late at most)`);
  }
  for (const [table, open] of Object.entries(OPEN)) {
    const [name, plain] = table.split('.') as [string, string];
    if (!tables.some((one) => one.name === name && one.table === plain)) continue;
    const [row] = await world.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table} WHERE next_action_time IS NULL AND (${open})`);
    if (row!.n > 0) found.push(`${table}: ${row!.n} rows are not over and have nothing due`);
  }
  for (const database of await databasesWith(world, 'outbox_partition')) {
    const [row] = await world.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${database}.outbox_partition AS part LEFT JOIN ${database}.outbox_relay AS relay ON relay.stream = part.stream AND relay.bucket = part.bucket WHERE part.last_sequence > COALESCE(relay.published_sequence, 0)`);
    if (row!.n > 0) found.push(`${database}.outbox: ${row!.n} partitions have unpublished events`);
  }
  for (const { name, consumer_detail } of await streamsOf(world)) {
    for (const consumer of consumer_detail ?? []) {
      if (consumer.num_pending + consumer.num_ack_pending > 0) found.push(`stream ${name}: ${consumer.name} has ${consumer.num_pending + consumer.num_ack_pending} events to take`);
    }
  }
  return found;
}
