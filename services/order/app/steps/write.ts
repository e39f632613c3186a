import type { Result } from '#kit/base/result.ts';
import { FailureError } from '#kit/base/result.ts';
import type { OrderChange } from '../../domain/change.ts';
import { nextStep } from '../../domain/next_step.ts';
import type { Order, Todo } from '../../domain/order.ts';
import { SYSTEM } from '../actor.ts';
import type { StepOutcome } from './outcome.ts';
import type { Ports } from '../ports.ts';
import { orderKey } from '../signals.ts';

/** When the sweeper comes by, should this process end before it has done the next step. */
const SAFETY_MS = 3000;

/** Writes a step's change. When somebody else was first, the driver looks again. An order that rests then is written so at once. */
export async function write(ports: Ports, operation: string, change: Result<OrderChange>): Promise<StepOutcome> {
  if (!change.ok) throw new FailureError(change.error);
  const { before, after } = change.value;
  const rests = nextStep(after, { now_ms: ports.clock.now_ms(), ask_payments: false }) === undefined;
  const written = await ports.orders.apply(change.value, { actor: SYSTEM, operation, ...(rests ? {} : { next_ms: SAFETY_MS }) });
  ports.signals.emit(orderKey(before.order_id));
  return written ? { order: { ...after, attempts: 0 }, rests } : 'moved';
}

/**
 * An owed effect has been done. It is noted with the next change or when the order has to wait: every effect may be
 * repeated, should the process end before that.
 */
export function done(order: Order, effect: Todo): StepOutcome {
  return { order: { ...order, todo: order.todo.filter((todo) => todo !== effect), attempts: 0 } };
}
