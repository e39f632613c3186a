import type { Clock } from '#kit/base/clock.ts';
import { MAX_TRIES } from '../domain/refund.ts';
import type { Actor, DeadLetters, Gateway, Orders, Payment, PaymentStore } from './ports.ts';

export type DriveDeps = { store: PaymentStore; gateway: Gateway; orders: Pick<Orders, 'verdict'>; letters: DeadLetters; clock: Clock };

/** How often the gateway is asked about a payment it has not told us of. */
const ASK_EVERY_MS = 15_000;

/** A payment whose trade was never opened and whose time is over needs no gateway to end it. */
const OPEN_SLACK_MS = 60_000;

/** After a dead letter the money is still looked for, but slowly: people know. */
const AFTER_LETTER_MS = 300_000;

/** How often an order is asked whether it takes the money that came for it; it settles by itself in between. */
const VERDICT_EVERY_MS = 30_000;

/** Opens the trade, once more where the answer was lost; the payment as it is afterwards. */
export async function openAtGateway({ store, gateway }: Pick<DriveDeps, 'store' | 'gateway'>, payment: Payment, signal?: AbortSignal): Promise<Payment> {
  const opened = await gateway.open(payment, signal);
  return opened.ok ? store.markPending(payment, opened.value) : payment;
}

/**
 * One step of a payment that is not final: opens what was not opened, asks what was not told, closes what expired, and
 * returns what its order does not want. Returns when to look again; undefined when it is final. Throws to be tried again
 * with a growing pause; the eighth failure in a row becomes a dead letter.
 */
export async function drivePayment(deps: DriveDeps, payment_id: bigint, signal: AbortSignal, attempts = 0): Promise<{ again_in_ms: number } | undefined> {
  const payment = await deps.store.find(payment_id);
  if (payment === undefined || payment.state === 'CLOSED') return undefined;
  try {
    return payment.state === 'SUCCEEDED' ? await settleBySelf(deps, payment) : await askGateway(deps, payment, signal);
  } catch (error) {
    if (!(error instanceof NotAnswered) || attempts + 1 < MAX_TRIES) throw error;
    await deps.letters.putPayment(payment, error.message, attempts + 1);
    return { again_in_ms: AFTER_LETTER_MS };
  }
}

/** Somebody outside this service did not do their part; trying again may help. */
class NotAnswered extends Error {
  override name = 'NotAnswered';
}

async function askGateway(deps: DriveDeps, payment: Payment, signal: AbortSignal): Promise<{ again_in_ms: number } | undefined> {
  const { store, gateway, clock } = deps;
  const expired = payment.expire_time_ms <= clock.now_ms();
  if (payment.state === 'CREATED' && !expired) {
    const opened = await openAtGateway(deps, payment, signal);
    if (opened.state === 'CREATED') throw new NotAnswered('the gateway did not open the trade');
    return { again_in_ms: ASK_EVERY_MS };
  }
  const answer = expired ? await gateway.close(payment, signal) : await gateway.find(payment, signal);
  if (answer.ok) {
    const applied = await store.applyReport(answer.value);
    if (!applied.ok) throw new NotAnswered(`the gateway's trade does not match: ${applied.error.reason}`);
    return applied.value.state === 'PENDING' || applied.value.state === 'CREATED' ? { again_in_ms: ASK_EVERY_MS } : undefined;
  }
  // A trade that the gateway does not know cannot be paid; wait out an opening that may still be under way.
  if (answer.problem === 'unknown' && payment.expire_time_ms + OPEN_SLACK_MS <= clock.now_ms()) {
    await store.forceClose(payment.payment_id);
    return undefined;
  }
  throw new NotAnswered(`the gateway did not answer: ${answer.detail}`);
}

/**
 * Money that its order has not settled: the order does it by itself, unless the event was lost when it had come to rest.
 * So the order is asked: what it was paid with is its own, and what it can't want any more goes back.
 */
async function settleBySelf({ store, orders }: DriveDeps, payment: Payment): Promise<{ again_in_ms: number } | undefined> {
  if (payment.settled !== undefined) return undefined;
  const verdict = await orders.verdict(payment).catch((error: unknown) => {
    throw new NotAnswered('its order does not say whether it takes the money', { cause: error });
  });
  if (verdict === 'undecided') return { again_in_ms: VERDICT_EVERY_MS };
  const wanted = verdict === 'wanted';
  await store.settle([{ payment_id: payment.payment_id, accepted: wanted, reason: wanted ? '' : 'paid twice or too late' }], BY_ITSELF);
  return undefined;
}

const BY_ITSELF: Actor = { account_id: '', service: 'payment', device_id: '', ip: '', request_id: '', method: 'drive', body_hash: new Uint8Array(32) };
