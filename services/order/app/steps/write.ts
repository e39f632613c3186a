import type { Result } from '#kit/base/result.ts';
import { FailureError } from '#kit/base/result.ts';
import type { OrderChange } from '../../domain/change.ts';
import type { Order, Todo } from '../../domain/order.ts';
import { SYSTEM } from '../actor.ts';
import type { StepOutcome } from './outcome.ts';
import type { Ports } from '../ports.ts';
import { orderKey } from '../signals.ts';

/** When the sweeper comes by, should this process end before it has done the next step. */
const SAFETY_MS = 3000;

/** Writes a step's change. Somebody else's being first counts as moved as well: the driver looks again. */
export async function write(ports: Ports, operation: string, change: Result<OrderChange>): Promise<StepOutcome> {
  if (!change.ok) throw new FailureError(change.error);
  await ports.orders.apply(change.value, { actor: SYSTEM, operation, next_ms: SAFETY_MS });
  ports.signals.emit(orderKey(change.value.before.order_id));
  return 'moved';
}

/** Notes that an owed effect has been done. */
export async function noteDone(ports: Ports, order: Order, done: Todo): Promise<StepOutcome> {
  await ports.orders.note(order, { todo: order.todo.filter((todo) => todo !== done), attempts: 0, next_ms: SAFETY_MS });
  return 'moved';
}
