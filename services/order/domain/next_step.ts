/** What an order needs next, from its own state and the time alone. The driver (app/advance.ts) does it. */
import type { Order } from './order.ts';

export type Step =
  | 'attach'
  | 'ask_payments'
  | 'begin_closing'
  | 'close_payments'
  | 'settle'
  | 'sell'
  | 'issue'
  | 'refund'
  | 'release'
  | 'track_refund';

/** After five minutes without an answer of the gateway payments are closed on our side (requirements: 支付关闭). */
export const FORCE_CLOSE_MS = 5 * 60_000;
/** A lost PaymentSucceeded is noticed within this time. */
export const ASK_PAYMENTS_MS = 30_000;

export type StepOptions = {
  now_ms: number;
  /** False right after a commit of our own, when nobody can have paid yet. */
  ask_payments: boolean;
};

/** The next step, how long to wait for one, or undefined when the order rests until somebody wants something. */
export function nextStep(order: Order, { now_ms, ask_payments }: StepOptions): Step | { wait_ms: number } | undefined {
  switch (order.state) {
    case 'WAIT_PAY':
      if (now_ms >= order.pay_expire_ms || order.journey.change?.cancelled === true) return 'begin_closing';
      if (order.todo.includes('attach')) return 'attach';
      if (ask_payments) return 'ask_payments';
      return { wait_ms: Math.max(1, Math.min(ASK_PAYMENTS_MS, order.pay_expire_ms - now_ms)) };
    case 'CLOSING':
      return 'close_payments';
    case 'PAID':
      return order.todo.includes('settle') ? 'settle' : 'sell';
    case 'TICKETING':
      return 'issue';
    case 'FAIL':
      return 'refund';
    case 'CLOSED':
      if (order.todo.includes('release')) return 'release';
      return order.todo.includes('track_refund') ? 'track_refund' : undefined;
    case 'SUCCESS':
    case 'REFUND':
    case 'CHANGE':
      // Aftersales drives these.
      return undefined;
  }
}

/** 1, 2, 4, 8 … s, at most a minute: how long to wait after `attempts` tries that came to nothing. */
export function retry_ms(attempts: number, cap_ms = 60_000): number {
  return Math.min(cap_ms, 1000 * 2 ** Math.min(20, Math.max(0, attempts)));
}

/** Whether the gateway has been silent for so long that we close without it. */
export function mustForceClose(order: Order, now_ms: number, after_ms = FORCE_CLOSE_MS): boolean {
  return order.closing_ms !== undefined && now_ms - order.closing_ms >= after_ms;
}
