/** What the orders on some runs believe to have, for inventory to compare with its ledger. */
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Ports, RunItem, RunPosition } from './ports.ts';
import { isOrderId, type Page } from './read_orders.ts';

const MAX_RUNS = 200;
/** No page may be smaller than the largest order, whose items stay together. */
const PAGE = { least: 100, usual: 1_000, most: 2_000 };

export async function listRunItems({ orders }: Pick<Ports, 'orders'>, run_ids: readonly string[], { size, token }: Page): Promise<Result<{ items: RunItem[]; next: string }>> {
  if (run_ids.length === 0 || run_ids.length > MAX_RUNS) return fieldInvalid('run_ids', `1 to ${MAX_RUNS}`);
  const after = token === '' ? undefined : positionOf(token);
  if (token !== '' && (after === undefined || !run_ids.includes(after.run_id))) return fail('PAGE_TOKEN_INVALID');
  const limit = size === 0 ? PAGE.usual : Math.min(PAGE.most, Math.max(PAGE.least, size));
  const rows = await orders.runItems([...new Set(run_ids)].sort(), after, limit + 1);
  if (rows.length <= limit) return ok({ items: rows, next: '' });
  // The last order may go on behind what was read.
  const cut = rows.at(-1)!;
  const items = rows.filter(({ order_id }) => order_id !== cut.order_id);
  const last = items.at(-1)!;
  return ok({ items, next: `${last.placed_on}/${last.order_id}` });
}

function positionOf(token: string): RunPosition | undefined {
  const [run_id, order_id, ...more] = token.split('/');
  return run_id === undefined || order_id === undefined || more.length > 0 || !isOrderId(order_id) ? undefined : { run_id, order_id };
}
