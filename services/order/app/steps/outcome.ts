import type { Order } from '../../domain/order.ts';
import type { Ports } from '../ports.ts';

/**
 * What a step came to: `order`: the order as it is now, written or yet to be noted; `moved`: it is another one now, since
 * somebody else was faster; `wait_ms`: not yet, by an answer; a throw: not yet, by a failure.
 */
export type StepOutcome = 'moved' | { order: Order; rests?: boolean } | { wait_ms: number };
export type StepRun = (ports: Ports, order: Order) => Promise<StepOutcome>;
