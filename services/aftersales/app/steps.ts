/**
 * One step of a refund by its stage. Every step may be repeated: peers are asked with ids derived from what is refunded,
 * and the stage moves by compare-and-set only after the effect, so a crash anywhere repeats at most one step.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { required } from '#kit/base/result.ts';
import type { Timers } from '#kit/base/timers.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { moneyPartsOf, placesOf, type Refund } from '../domain/refund.ts';
import type { DriverOutcome } from './driver.ts';
import type { Money, Orders, Places, RefundStore, Tickets } from './ports.ts';

export type StepDeps = { store: RefundStore; orders: Orders; tickets: Tickets; money: Money; places: Places; clock: Clock; timers: Timers; log: Log };

export type StepOutcome = DriverOutcome<Refund>;

/** How often the payment service is asked for money that it has not told of. */
export const ASK_EVERY_MS = 2000;
const ASK_MANUAL_EVERY_MS = 10 * 60_000;

export function step(deps: StepDeps, refund: Refund): Promise<StepOutcome> | undefined {
  switch (refund.stage) {
    case 'BEGUN': return begin(deps, refund);
    case 'ACCEPTED': return voidTickets(deps, refund);
    case 'UNDOING': return undo(deps, refund);
    case 'VOIDED': return sendMoney(deps, refund);
    case 'MONEY_SENT': return awaitMoney(deps, refund);
    case 'MANUAL': return lookAgain(deps, refund);
    default: return undefined;
  }
}

const ORDER_REFUSES: ReadonlySet<ErrorReason> = new Set(['VERSION_STALE', 'ITEM_NOT_REFUNDABLE', 'ORDER_NOT_FOUND', 'ORDER_STATE_WRONG', 'FIELD_INVALID', 'REFUND_EXCEEDS_PAID']);

async function begin({ store, orders }: StepDeps, refund: Refund): Promise<StepOutcome> {
  const items = refund.items.map(({ item_id, version }) => ({ item_id, version, refunded_fen: 0 }));
  const moved = await orders.transition({ request_id: requestIdOf(refund, 'REFUND'), order_id: String(refund.order_id), items, to: 'REFUND', cause: causeOf(refund), run_cancelled: false });
  if (!moved.ok && ORDER_REFUSES.has(moved.error.reason)) return store.refuse(refund.refund_id, 'BEGUN', moved.error.reason);
  required(moved);
  return store.move(refund.refund_id, 'BEGUN', 'ACCEPTED');
}

async function voidTickets({ store, tickets }: StepDeps, refund: Refund): Promise<StepOutcome> {
  const voided = await tickets.void(String(refund.order_id), refund.items.map(({ item_id }) => item_id), `refund ${refund.refund_id}`);
  // Somebody went through a gate between the quote and now.
  if (!voided.ok && voided.error.reason === 'TICKET_NOT_VALID') return store.move(refund.refund_id, 'ACCEPTED', 'UNDOING', { reason: 'TICKET_NOT_VALID' });
  required(voided);
  return store.move(refund.refund_id, 'ACCEPTED', 'VOIDED');
}

async function undo(deps: StepDeps, refund: Refund): Promise<StepOutcome> {
  await moveInRefund(deps, refund, 'SUCCESS');
  return deps.store.refuse(refund.refund_id, 'UNDOING', 'TICKET_NOT_VALID');
}

const MONEY_REFUSES: ReadonlySet<ErrorReason> = new Set(['REFUND_EXCEEDS_PAID', 'PAYMENT_NOT_FOUND', 'PAYMENT_STATE_WRONG', 'REQUEST_ID_REUSED', 'AMOUNT_INVALID', 'FIELD_INVALID']);

/** Money first: an inventory that is away must not keep it. */
async function sendMoney(deps: StepDeps, refund: Refund): Promise<StepOutcome> {
  const refused = await askForMoney(deps, refund);
  if (refused !== undefined) return toPeople(deps, refund, refused);
  await givePlacesBack(deps, refund);
  return deps.store.move(refund.refund_id, refund.stage, 'MONEY_SENT', { wait_ms: ASK_EVERY_MS });
}

async function askForMoney({ money, store }: StepDeps, refund: Refund): Promise<ErrorReason | undefined> {
  for (const { money_id, payment_id, amount_fen } of refund.items.flatMap((item) => moneyPartsOf(item, refund.payment_id))) {
    const sent = await money.refund({ refund_id: money_id, payment_id, amount_fen, reason: `refund ${refund.refund_id}` });
    if (!sent.ok && MONEY_REFUSES.has(sent.error.reason)) return sent.error.reason;
    if (required(sent) === 'SUCCEEDED') await store.moneyArrived(money_id);
  }
  return undefined;
}

const PLACES_GONE: ReadonlySet<ErrorReason> = new Set(['HOLD_CONFLICT', 'HOLD_NOT_FOUND', 'TRAIN_RUN_NOT_FOUND', 'TRAIN_DEPARTED']);

async function givePlacesBack({ places, log }: StepDeps, refund: Refund): Promise<void> {
  for (const hold of placesOf(refund.items)) {
    const released = await places.release({ ...hold, reason: 'refunded' });
    if (!released.ok && PLACES_GONE.has(released.error.reason)) log.error({ alert: true, refund_id: String(refund.refund_id), reason: released.error.reason }, 'the places of a refund could not be given back');
    else required(released);
  }
}

async function awaitMoney(deps: StepDeps, refund: Refund): Promise<StepOutcome> {
  for (const money_id of await deps.store.awaited(refund.refund_id)) {
    const state = required(await deps.money.state(money_id));
    if (state === 'SUCCEEDED') await deps.store.moneyArrived(money_id);
    else if (state === 'MANUAL') return toPeople(deps, refund, 'the payment needs people');
    else return { wait_ms: ASK_EVERY_MS };
  }
  await moveInRefund(deps, refund, 'CLOSED');
  return deps.store.move(refund.refund_id, 'MONEY_SENT', 'DONE');
}

/** People may have mended it: then it goes on like any other. */
async function lookAgain(deps: StepDeps, refund: Refund): Promise<StepOutcome> {
  if ((await askForMoney(deps, refund)) !== undefined) return { wait_ms: ASK_MANUAL_EVERY_MS };
  for (const money_id of await deps.store.awaited(refund.refund_id)) {
    if (required(await deps.money.state(money_id)) === 'MANUAL') return { wait_ms: ASK_MANUAL_EVERY_MS };
  }
  await givePlacesBack(deps, refund);
  return deps.store.move(refund.refund_id, 'MANUAL', 'MONEY_SENT', { wait_ms: ASK_EVERY_MS });
}

async function toPeople({ store, log }: StepDeps, refund: Refund, why: string): Promise<StepOutcome> {
  log.error({ alert: true, refund_id: String(refund.refund_id), order_id: String(refund.order_id), why }, 'a refund needs people');
  if (refund.stage === 'MANUAL') return { wait_ms: ASK_MANUAL_EVERY_MS };
  await store.move(refund.refund_id, refund.stage, 'MANUAL', { reason: why, wait_ms: ASK_MANUAL_EVERY_MS });
  return { wait_ms: ASK_MANUAL_EVERY_MS };
}

/** Those of our items that are still in REFUND move on; those that are not were moved by a step whose answer was lost. */
async function moveInRefund({ orders, clock }: StepDeps, refund: Refund, to: 'CLOSED' | 'SUCCESS'): Promise<void> {
  const order = required(await orders.find(String(refund.order_id)));
  const ours = order.items.filter((item) => item.state === 'REFUND' && refund.items.some(({ item_id }) => item_id === item.item_id));
  if (ours.length === 0) return;
  const items = ours.map(({ item_id, version }) => ({ item_id, version, refunded_fen: to === 'CLOSED' ? refund.items.find((item) => item.item_id === item_id)!.returned_fen : 0 }));
  // The versions keep a repetition from having an effect; the money may have taken longer than a request id lives.
  const request_id = requestIdOf({ ...refund, create_time_ms: clock.now_ms() }, to);
  required(await orders.transition({ request_id, order_id: String(refund.order_id), items, to, cause: causeOf(refund), run_cancelled: to === 'CLOSED' && refund.cause === 'RUN_CANCELLED' }));
}

/** The same for every repetition of a step at the refund's time. */
function requestIdOf({ refund_id, create_time_ms }: Refund, what: string): string {
  return formatUuid7(create_time_ms, createHash('sha256').update(`${refund_id} ${what}`).digest());
}

/** For the order's timeline. */
function causeOf({ refund_id, cause }: Refund): string {
  return `${cause === 'TRAVELLER' ? '' : `${cause} `}refund ${refund_id}`;
}
