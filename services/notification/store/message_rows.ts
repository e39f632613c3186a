import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { MessageRows, StoredMessage } from '../app/ports.ts';
import type { Parameters } from '../domain/template.ts';

type Row = {
  message_id: bigint;
  message_key: string;
  account_id: bigint;
  template_id: string;
  order_id: string;
  parameters: string;
  in_inbox: number;
  title_zh: string;
  body_zh: string;
  title_en: string;
  body_en: string;
  create_time: Date;
  read_time: Date | null;
};

const NEWEST = 9_223_372_036_854_775_807n;

/** Rows of one statement: a message is two texts in two languages. */
const INSERT_ROWS = 100;

export function messageRows(tx: Tx): MessageRows {
  return {
    async put(messages) {
      // Keys in order, so that two transactions with the same ones wait for one another and do not lock one another out.
      const ordered = messages.toSorted((left, right) => (left.message_key < right.message_key ? -1 : 1));
      for (let start = 0; start < ordered.length; start += INSERT_ROWS) {
        const rows = ordered.slice(start, start + INSERT_ROWS).map(valuesOf);
        await tx.later(
          `INSERT INTO message (message_id, message_key, account_id, template_id, order_id, parameters, in_inbox, title_zh, body_zh, title_en, body_en, create_time)
           VALUES ${rows.map(() => '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')} ON DUPLICATE KEY UPDATE message_key = message.message_key`,
          rows.flat(),
        );
      }
      return tx.execute<Holder>('SELECT message_key, message_id, account_id, template_id FROM message WHERE message_key IN (?)', [ordered.map(({ message_key }) => message_key)]);
    },
    async page(account_id, before, limit) {
      const rows = await tx.execute<Row>('SELECT * FROM message WHERE account_id = ? AND in_inbox = 1 AND message_id < ? ORDER BY message_id DESC LIMIT ?', [account_id, before ?? NEWEST, limit]);
      return rows.map(toMessage);
    },
    async unread(account_id) {
      const [row] = await tx.execute<{ count: bigint }>('SELECT COUNT(*) AS count FROM message WHERE account_id = ? AND in_inbox = 1 AND read_time IS NULL', [account_id]);
      return Number(row?.count ?? 0);
    },
    async markRead(account_id, message_ids, now_ms) {
      const which = message_ids.length === 0 ? '' : ' AND message_id IN (?)';
      const params = message_ids.length === 0 ? [] : [message_ids];
      await tx.execute(`UPDATE message SET read_time = ? WHERE account_id = ? AND in_inbox = 1 AND read_time IS NULL${which}`, [new Date(now_ms), account_id, ...params]);
    },
    async accountOfOrder(order_id) {
      const [row] = await tx.execute<{ account_id: bigint }>('SELECT account_id FROM message WHERE order_id = ? LIMIT 1', [order_id]);
      return row?.account_id;
    },
  };
}

type Holder = Pick<Row, 'message_key' | 'message_id' | 'account_id' | 'template_id'>;

function valuesOf({ message_id, message_key, account_id, template_id, order_id, parameters, inbox, create_time_ms }: StoredMessage): SqlValue[] {
  const { zh, en } = inbox ?? { zh: NO_TEXT, en: NO_TEXT };
  return [message_id, message_key, account_id, template_id, order_id, JSON.stringify(parameters), inbox === undefined ? 0 : 1, zh.title, zh.body, en.title, en.body, new Date(create_time_ms)];
}

const NO_TEXT = { title: '', body: '' };

function toMessage(row: Row): StoredMessage {
  const { message_id, message_key, account_id, template_id, order_id } = row;
  return {
    message_id,
    message_key,
    account_id,
    template_id,
    order_id,
    parameters: JSON.parse(row.parameters) as Parameters,
    inbox: row.in_inbox === 1 ? { zh: { title: row.title_zh, body: row.body_zh }, en: { title: row.title_en, body: row.body_en } } : undefined,
    create_time_ms: row.create_time.getTime(),
    read: row.read_time !== null,
  };
}
