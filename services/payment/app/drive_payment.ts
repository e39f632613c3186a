import type { Clock } from '#kit/base/clock.ts';
import type { Gateway, Payment, PaymentStore } from './ports.ts';

export type DriveDeps = { store: PaymentStore; gateway: Gateway; clock: Clock };

/** How often the gateway is asked about a payment it has not told us of. */
const ASK_EVERY_MS = 15_000;

/** A payment whose trade was never opened and whose time is over needs no gateway to end it. */
const OPEN_SLACK_MS = 60_000;

/** Opens the trade, once more where the answer was lost; the payment as it is afterwards. */
export async function openAtGateway({ store, gateway }: Pick<DriveDeps, 'store' | 'gateway'>, payment: Payment, signal?: AbortSignal): Promise<Payment> {
  const opened = await gateway.open(payment, signal);
  return opened.ok ? store.markPending(payment.payment_id, opened.value) : payment;
}

/**
 * One step of a payment that is not final: opens what was not opened, asks what was not told, closes what expired.
 * Returns when to look again; undefined when it is final.
 */
export async function drivePayment(deps: DriveDeps, payment_id: bigint, signal: AbortSignal): Promise<{ again_in_ms: number } | undefined> {
  const { store, gateway, clock } = deps;
  const payment = await store.find(payment_id);
  if (payment === undefined || payment.state === 'SUCCEEDED' || payment.state === 'CLOSED') return undefined;
  const expired = payment.expire_time_ms <= clock.now_ms();
  if (payment.state === 'CREATED' && !expired) {
    const opened = await openAtGateway(deps, payment, signal);
    if (opened.state === 'CREATED') throw new Error('the gateway did not open the trade');
    return { again_in_ms: ASK_EVERY_MS };
  }
  const answer = expired ? await gateway.close(payment_id, signal) : await gateway.find(payment_id, signal);
  if (answer.ok) {
    const applied = await store.applyReport(answer.value);
    if (!applied.ok) throw new Error(`the gateway's trade does not match: ${applied.error.reason}`);
    return applied.value.state === 'PENDING' || applied.value.state === 'CREATED' ? { again_in_ms: ASK_EVERY_MS } : undefined;
  }
  // A trade that the gateway does not know cannot be paid; wait out an opening that may still be under way.
  if (answer.problem === 'unknown' && payment.expire_time_ms + OPEN_SLACK_MS <= clock.now_ms()) {
    await store.forceClose(payment_id);
    return undefined;
  }
  throw new Error(`the gateway did not answer: ${answer.detail}`);
}
