/** Items by the runs of their orders. */
import type { SqlResult, SqlValue } from '#kit/store/mysql.ts';
import type { OrderStore, RunItem } from '../app/ports.ts';
import type { Journey, SeatPart } from '../domain/order.ts';
import type { OrderState } from '../domain/state.ts';

type Row = { order_id: bigint; placed_on: string; hold_id: string; item_no: number; state: OrderState; places: string; journey: string | null };

type Run = <R>(sql: string, params: readonly SqlValue[]) => Promise<SqlResult<R>>;

/** Places of unpaid orders, and of orders that still owe inventory their release. */
export async function unpaidPlaces(run: Run, run_id: string, limit: number): Promise<SeatPart[]> {
  const rows = await run<Pick<Row, 'places'>>(
    "SELECT i.places FROM orders o JOIN order_item i ON i.order_id = o.order_id WHERE o.run_id = ? AND (o.state IN ('WAIT_PAY', 'CLOSING') OR o.todo LIKE '%release%') LIMIT ?",
    [run_id, limit],
  );
  return rows.flatMap(({ places }) => JSON.parse(places) as SeatPart[]);
}

/** Walks the index of runs, so that a page costs what it shows, however far behind it begins. */
export async function runItems(run: Run, ...[run_ids, after, limit]: Parameters<OrderStore['runItems']>): Promise<RunItem[]> {
  const whole = after === undefined ? run_ids : run_ids.filter((run_id) => run_id > after.run_id);
  const parts: { sql: string; params: SqlValue[] }[] = [];
  if (after !== undefined) parts.push({ sql: '(o.run_id = ? AND o.order_id > ?)', params: [after.run_id, BigInt(after.order_id)] });
  if (whole.length > 0) parts.push({ sql: 'o.run_id IN (?)', params: [whole] });
  const rows = await run<Row>(
    `SELECT o.order_id, o.run_id AS placed_on, i.hold_id, i.item_no, i.state, i.places, i.journey FROM orders o JOIN order_item i ON i.order_id = o.order_id
     WHERE (${parts.map(({ sql }) => sql).join(' OR ')}) AND o.state <> 'CLOSED' AND i.state <> 'CLOSED' ORDER BY o.run_id, o.order_id, i.item_no LIMIT ?`,
    [...parts.flatMap(({ params }) => params), limit],
  );
  return rows.map(({ order_id, placed_on, hold_id, item_no, state, places, journey }) => ({
    order_id: String(order_id), placed_on, hold_id, item_no, state,
    run_id: journey === null ? placed_on : (JSON.parse(journey) as Journey).run_id,
    seat_parts: JSON.parse(places) as SeatPart[],
  }));
}
