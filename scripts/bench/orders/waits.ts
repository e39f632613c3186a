/** How long entries of the waiting queue waited and took, as their rows tell it. */
import { createConnection } from 'mysql2/promise';
import { quantile, round } from '../inventory/measure.ts';

export type Waits = { queue_wait_p95_s: number; after_dequeue_p95_ms: number };

export async function waitsOf(mysql_url: string, from_ms: number): Promise<Waits> {
  const connection = await createConnection(mysql_url);
  try {
    const [rows] = (await connection.query(
      `SELECT TIMESTAMPDIFF(MICROSECOND, enter_time, dequeue_time) AS waited_us, TIMESTAMPDIFF(MICROSECOND, dequeue_time, end_time) AS took_us
       FROM chunyun_order.queue_entry WHERE state = 'ORDERED' AND enter_time >= FROM_UNIXTIME(? / 1000)`,
      [from_ms],
    )) as unknown as [{ waited_us: number; took_us: number }[]];
    return {
      queue_wait_p95_s: round(quantile(rows.map(({ waited_us }) => Number(waited_us)), 0.95) / 1e6, 2),
      after_dequeue_p95_ms: round(quantile(rows.map(({ took_us }) => Number(took_us)), 0.95) / 1e3),
    };
  } finally {
    await connection.end();
  }
}
