/** From money to tickets: the places become sold, then the railway and ticketing issue. */
import { required } from '#kit/base/result.ts';
import { moveAll } from '../../domain/change.ts';
import { retry_ms } from '../../domain/next_step.ts';
import type { Order } from '../../domain/order.ts';
import type { StepOutcome } from './outcome.ts';
import type { Ports } from '../ports.ts';
import { holdAgain, isGone } from './holds.ts';
import { write } from './write.ts';

/** HELD → SOLD in the ledger; a hold that was lost is taken again, else the order fails and the money goes back. */
export async function sell(ports: Ports, order: Order): Promise<StepOutcome> {
  const now_ms = ports.clock.now_ms();
  const sold = await ports.inventory.sell(order);
  if (sold.ok) return write(ports, 'order.Sell', moveAll(order, 'TICKETING', { cause: 'places sold', now_ms, drop: ['attach'] }));
  if (!isGone(sold.error.reason)) required(sold);
  const held = await holdAgain(ports, order);
  if (held !== 'sold_out') return held;
  return write(ports, 'order.Fail', moveAll(order, 'FAIL', { cause: 'the places were lost', now_ms, reason: 'SOLD_OUT', drop: ['attach'] }));
}

/** Issues e-tickets, all or none. The outcome FAILED is final; nothing is registered then. */
export async function issue(ports: Ports, order: Order): Promise<StepOutcome> {
  const { outcome, tickets, reason } = required(await ports.ticketing.issue(order));
  const now_ms = ports.clock.now_ms();
  if (outcome === 'PENDING') return { wait_ms: retry_ms(order.attempts) };
  if (outcome === 'FAILED') return write(ports, 'order.Fail', moveAll(order, 'FAIL', { cause: `ticketing failed: ${reason}`.slice(0, 200), now_ms, reason: 'TICKETING_FAILED' }));
  const ids = new Map(tickets.map(({ item_no, ticket_id }) => [item_no, ticket_id]));
  if (!order.items.every(({ item_no }) => ids.has(item_no))) throw new Error('ticketing issued too few tickets');
  return write(ports, 'order.Ticketed', moveAll(order, 'SUCCESS', { cause: 'tickets issued', now_ms }, ({ item_no }) => ({ ticket_id: ids.get(item_no)! })));
}
