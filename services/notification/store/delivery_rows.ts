import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { DeliveryRow, DeliveryRows } from '../app/ports.ts';
import { NO_RECIPIENT } from '../domain/delivery.ts';
import type { Delivery, DeliveryState, Provider } from '../domain/delivery.ts';
import type { MessageChannel, Parameters } from '../domain/template.ts';

type Row = {
  delivery_id: bigint;
  message_id: bigint;
  account_id: bigint;
  order_id: string;
  channel: string;
  template_id: string;
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

/** Its template is that of its message. */
const SELECT = 'SELECT message_delivery.*, (SELECT template_id FROM message WHERE message.message_id = message_delivery.message_id) AS template_id FROM message_delivery';
const COLUMNS = [
  'delivery_id', 'message_id', 'account_id', 'order_id', 'channel', 'template_version', 'state', 'provider', 'provider_ref', 'recipient_masked', 'tries', 'receipt_tries',
  'last_error', 'create_time', 'sent_time', 'delivered_time', 'revivals', 'revived_time', 'version', 'attempts', 'next_action_time',
];
const VALUES = `(${COLUMNS.slice(1).map(() => '?').join(', ')}, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`;
/** What changes in the life of a delivery. */
const CHANGING = COLUMNS.slice(COLUMNS.indexOf('state')).filter((column) => column !== 'create_time');
const SET = CHANGING.map((column) => `${column} = VALUES(${column})`).join(', ');
/** Rows of one statement. */
const INSERT_ROWS = 200;

export function deliveryRows(tx: Tx): DeliveryRows {
  const put = async (rows: readonly DeliveryRow[], suffix = '') => {
    for (let start = 0; start < rows.length; start += INSERT_ROWS) {
      const part = rows.slice(start, start + INSERT_ROWS).map(valuesOf);
      await tx.later(`INSERT INTO message_delivery (${COLUMNS.join(', ')}) VALUES ${part.map(() => VALUES).join(', ')}${suffix}`, part.flat());
    }
  };
  return {
    insert: (rows) => put(rows),
    async lock(delivery_ids) {
      if (delivery_ids.length === 0) return [];
      // In the order of the key, so that two transactions wait for one another and do not lock one another out.
      return (await tx.execute<Row>(`${SELECT} WHERE delivery_id IN (?) ORDER BY delivery_id FOR UPDATE`, [delivery_ids])).map(toDelivery);
    },
    // The rows are there and locked, so this only ever updates.
    write: (rows) => put(rows, ` ON DUPLICATE KEY UPDATE ${SET}`),
    async withParameters(delivery_ids) {
      if (delivery_ids.length === 0) return [];
      const rows = await tx.execute<Row & { parameters: string }>(
        'SELECT message_delivery.*, message.template_id, message.parameters FROM message_delivery JOIN message USING (message_id) WHERE delivery_id IN (?)',
        [delivery_ids],
      );
      return rows.map((row) => ({ delivery: toDelivery(row), parameters: JSON.parse(row.parameters) as Parameters }));
    },
    async versions(delivery_ids) {
      const rows = await tx.execute<Pick<Row, 'delivery_id' | 'version'>>('SELECT delivery_id, version FROM message_delivery WHERE delivery_id IN (?)', [delivery_ids]);
      return new Map(rows.map(({ delivery_id, version }) => [delivery_id, version]));
    },
    async page({ order_id, account_id }, before, limit) {
      const conditions: [sql: string, value: SqlValue][] = [['delivery_id < ?', before ?? NEWEST]];
      if (order_id !== undefined) conditions.push(['order_id = ?', order_id]);
      if (account_id !== undefined) conditions.push(['account_id = ?', account_id]);
      const where = conditions.map(([sql]) => sql).join(' AND ');
      const rows = await tx.execute<Row>(`${SELECT} WHERE ${where} ORDER BY delivery_id DESC LIMIT ?`, [...conditions.map(([, value]) => value), limit]);
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

function valuesOf({ delivery, wait_ms }: DeliveryRow): SqlValue[] {
  const { delivery_id, message_id, account_id, order_id, channel, template_version, state, provider, provider_ref, recipient_masked, tries, receipt_tries, last_error, revivals, version } = delivery;
  const times = [new Date(delivery.create_time_ms), dateOf(delivery.sent_time_ms), dateOf(delivery.delivered_time_ms)];
  return [
    delivery_id, message_id, account_id, order_id, channel, template_version, state, provider ?? null, provider_ref ?? null, recipient_masked, tries, receipt_tries,
    last_error, ...times, revivals, dateOf(delivery.revived_time_ms), version, 0, wait_ms === null ? null : wait_ms * 1000,
  ];
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
    template_id: row.template_id,
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
