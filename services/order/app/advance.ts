/**
 * The saga driver: one idempotent step after the other until the order rests or has to wait. Woken after commits, by
 * payment events and by the sweeper; whoever comes second finds the step done, since every effect is compared and set.
 */
import { nextStep, retry_ms, type Step } from '../domain/next_step.ts';
import type { Order } from '../domain/order.ts';
import type { Ports } from './ports.ts';
import { attach, release } from './steps/holds.ts';
import { askPayments, beginClosing, closePayments, settle } from './steps/payment.ts';
import type { StepOutcome, StepRun } from './steps/outcome.ts';
import { refund, trackRefund } from './steps/refund.ts';
import { issue, sell } from './steps/ticketing.ts';

/** From placement to ticket an order takes fewer than this; more is a loop. */
const STEPS_MAX = 16;

const STEPS: Readonly<Record<Step, StepRun>> = {
  attach,
  ask_payments: askPayments,
  begin_closing: beginClosing,
  close_payments: closePayments,
  settle,
  sell,
  issue,
  refund,
  release,
  track_refund: trackRefund,
};

export class OrderDriver {
  readonly #ports: Ports;
  readonly #running = new Map<string, { again: boolean; done: Promise<void> }>();
  readonly #work = new Set<Promise<void>>();
  #stopped = false;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Drives in the background; failures are noted on the order and the sweeper comes back to it. */
  wake(order_id: string): void {
    if (this.#stopped) return;
    const work = this.advance(order_id).catch((error: unknown) => this.#ports.log.warn({ error, order_id }, 'an order could not be driven on'));
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** Drives as far as it goes. One at a time for each order of this process: a second call makes the first go round again. */
  advance(order_id: string, { ask_payments = false } = {}): Promise<void> {
    const running = this.#running.get(order_id);
    if (running !== undefined) {
      running.again = true;
      return running.done;
    }
    const mine = { again: false, done: Promise.resolve() };
    this.#running.set(order_id, mine);
    mine.done = this.#rounds(order_id, mine, ask_payments).finally(() => this.#running.delete(order_id));
    return mine.done;
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#work);
  }

  async #rounds(order_id: string, mine: { again: boolean }, ask_payments: boolean): Promise<void> {
    await this.#drive(order_id, ask_payments);
    while (mine.again && !this.#stopped) {
      mine.again = false;
      await this.#drive(order_id, false);
    }
  }

  async #drive(order_id: string, ask_payments: boolean): Promise<void> {
    const { orders, clock, log } = this.#ports;
    let ask = ask_payments;
    let known: Order | undefined;
    for (let count = 0; count < STEPS_MAX; count += 1) {
      // What a step has just written need not be read: should somebody else change it meanwhile, the next write finds out.
      const order: Order | undefined = known ?? (await orders.find(order_id));
      if (order === undefined) return;
      known = undefined;
      const step = nextStep(order, { now_ms: clock.now_ms(), ask_payments: ask });
      if (step === undefined) return orders.note(order, { todo: order.todo, attempts: 0 });
      if (typeof step === 'object') return orders.note(order, { todo: order.todo, attempts: 0, next_ms: step.wait_ms });
      const outcome = await this.#run(step, order);
      if (outcome !== 'moved' && 'order' in outcome) {
        if (outcome.rests === true) return;
        known = outcome.order;
      } else if (outcome !== 'moved') {
        // Payments were asked and none had been paid: now the order waits as it would have without asking.
        if (step === 'ask_payments') {
          ask = false;
          continue;
        }
        return orders.note(order, { todo: order.todo, attempts: order.attempts + 1, next_ms: withinPayTime(order, outcome.wait_ms, clock.now_ms()) });
      }
    }
    log.error({ order_id }, 'an order takes too many steps');
  }

  async #run(step: Step, order: Order): Promise<StepOutcome> {
    try {
      return await STEPS[step](this.#ports, order);
    } catch (error) {
      this.#ports.log.warn({ error, order_id: order.order_id, step, attempts: order.attempts }, 'a step failed and is tried again');
      return { wait_ms: retry_ms(order.attempts) };
    }
  }
}

/** A peer that does not answer must not keep an unpaid order open past its time. */
function withinPayTime(order: Order, wait_ms: number, now_ms: number): number {
  return order.state === 'WAIT_PAY' ? Math.max(1, Math.min(wait_ms, order.pay_expire_ms - now_ms)) : wait_ms;
}
