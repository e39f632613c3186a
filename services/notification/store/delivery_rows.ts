import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { DeliveryChange, DeliveryRows } from '../app/ports.ts';
import { NO_RECIPIENT } from '../domain/delivery.ts';
import type { Delivery, DeliveryState, Provider } from '../domain/delivery.ts';
import type { MessageChannel } from '../domain/template.ts';

type Row = {
  delivery_id: bigint;
  message_id: bigint;
  account_id: bigint;
  order_id: string;
  channel: string;
  template_version: bigint;
  state: string;
  provider: string | null;
  provider_ref: string | null;
  recipient_masked: string;
  tries: number;
  receipt_tries: number;
  last_error: string;
  create_time: Date;
  sent_time: Date | null;
  delivered_time: Date | null;
  revivals: number;
  revived_time: Date | null;
  version: bigint;
};

const NEWEST = 9_223_372_036_854_775_807n;

export function deliveryRows(tx: Tx): DeliveryRows {
  return {
    async insert(delivery, wait_ms) {
      const { delivery_id, message_id, account_id, order_id, channel, template_version, state, version } = delivery;
      await tx.later(
        `INSERT INTO message_delivery (delivery_id, message_id, account_id, order_id, channel, template_version, state, recipient_masked, tries, receipt_tries, last_error,
           create_time, sent_time, delivered_time, version, next_action_time, attempts)
         VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, 0, '', ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND, 0)`,
        [delivery_id, message_id, account_id, order_id, channel, template_version, state, new Date(delivery.create_time_ms), dateOf(delivery.sent_time_ms), dateOf(delivery.delivered_time_ms), version, micros(wait_ms)],
      );
    },
    async byId(delivery_id) {
      const [row] = await tx.execute<Row>('SELECT * FROM message_delivery WHERE delivery_id = ?', [delivery_id]);
      return row === undefined ? undefined : toDelivery(row);
    },
    async change({ delivery_id, version }, to) {
      const set = assignments(to);
      const sql = set.map(([column]) => `${column} = ?, `).join('');
      const changed = await tx.execute(
        `UPDATE message_delivery SET ${sql}version = version + 1, attempts = 0, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE delivery_id = ? AND version = ?`,
        [...set.map(([, value]) => value), micros(to.wait_ms), delivery_id, version],
      );
      return changed.affected_rows === 1;
    },
    async page({ order_id, account_id }, before, limit) {
      const conditions: [sql: string, value: SqlValue][] = [['delivery_id < ?', before ?? NEWEST]];
      if (order_id !== undefined) conditions.push(['order_id = ?', order_id]);
      if (account_id !== undefined) conditions.push(['account_id = ?', account_id]);
      const where = conditions.map(([sql]) => sql).join(' AND ');
      const rows = await tx.execute<Row>(`SELECT * FROM message_delivery WHERE ${where} ORDER BY delivery_id DESC LIMIT ?`, [...conditions.map(([, value]) => value), limit]);
      return rows.map(toDelivery);
    },
    async rates(from_ms, to_ms) {
      const rows = await tx.execute<RateRow>(RATES, [CHINA_OFFSET_H, NO_RECIPIENT, new Date(from_ms), new Date(to_ms)]);
      return rows.map(({ date, channel, provider, pending, sent, delivered, failed, delay_us }) => ({
        date, channel: channel as MessageChannel, provider, pending: Number(pending), sent: Number(sent), delivered: Number(delivered), failed: Number(failed), mean_delay_ms: Math.round(Number(delay_us ?? 0) / 1000),
      }));
    },
  };
}

type RateRow = { date: string; channel: string; provider: string; pending: string; sent: string; delivered: string; failed: string; delay_us: string | null };

const CHINA_OFFSET_H = 8;
/** Answered from the index `delivery_rate` alone. */
const RATES = `SELECT DATE_FORMAT(create_time + INTERVAL ? HOUR, '%Y-%m-%d') AS date, channel, COALESCE(provider, '') AS provider,
    SUM(state = 'PENDING') AS pending, SUM(state = 'SENT') AS sent, SUM(state = 'DELIVERED') AS delivered, SUM(state = 'FAILED' AND last_error <> ?) AS failed,
    AVG(IF(state = 'DELIVERED', TIMESTAMPDIFF(MICROSECOND, create_time, delivered_time), NULL)) AS delay_us
  FROM message_delivery WHERE create_time >= ? AND create_time < ? GROUP BY 1, 2, 3 HAVING pending + sent + delivered + failed > 0 ORDER BY 1, 2, 3`;

function assignments(to: DeliveryChange): [column: string, value: SqlValue][] {
  const values: [column: string, value: SqlValue | undefined][] = [
    ['state', to.state],
    ['provider', to.provider],
    ['provider_ref', to.provider_ref],
    ['recipient_masked', to.recipient_masked],
    ['tries', to.tries],
    ['receipt_tries', to.receipt_tries],
    ['last_error', to.last_error],
    ['sent_time', to.sent_time_ms === undefined ? undefined : new Date(to.sent_time_ms)],
    ['delivered_time', to.delivered_time_ms === undefined ? undefined : new Date(to.delivered_time_ms)],
    ['revivals', to.revivals],
    ['revived_time', to.revived_time_ms === undefined ? undefined : new Date(to.revived_time_ms)],
  ];
  return values.filter(([, value]) => value !== undefined);
}

function micros(wait_ms: number | null): number | null {
  return wait_ms === null ? null : wait_ms * 1000;
}

function dateOf(time_ms: number | undefined): Date | null {
  return time_ms === undefined ? null : new Date(time_ms);
}

function toDelivery(row: Row): Delivery {
  return {
    delivery_id: row.delivery_id,
    message_id: row.message_id,
    account_id: row.account_id,
    order_id: row.order_id,
    channel: row.channel as MessageChannel,
    template_version: row.template_version,
    state: row.state as DeliveryState,
    provider: (row.provider ?? undefined) as Provider | undefined,
    provider_ref: row.provider_ref ?? undefined,
    recipient_masked: row.recipient_masked,
    tries: row.tries,
    receipt_tries: row.receipt_tries,
    last_error: row.last_error,
    create_time_ms: row.create_time.getTime(),
    sent_time_ms: row.sent_time?.getTime(),
    delivered_time_ms: row.delivered_time?.getTime(),
    revivals: row.revivals,
    revived_time_ms: row.revived_time?.getTime(),
    version: row.version,
  };
}
