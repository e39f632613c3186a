import type { Order } from '../../domain/order.ts';
import type { Ports } from '../ports.ts';

/**
 * What a step came to: `moved`: the order is another one now (also when somebody else was faster); `wait_ms`: not yet,
 * by an answer; a throw: not yet, by a failure.
 */
export type StepOutcome = 'moved' | { wait_ms: number };
export type StepRun = (ports: Ports, order: Order) => Promise<StepOutcome>;
