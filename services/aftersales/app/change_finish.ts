/** From the pivot to the end: what follows is driven on until it is done. */
import { required } from '#kit/base/result.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { newHoldOf, type Change } from '../domain/change.ts';
import { settleMoney } from '../domain/change_money.ts';
import { placesOf } from '../domain/refund.ts';
import type { ChangeDeps } from './change_ports.ts';
import { ASK_EVERY_MS, inChange, requestIdOf, type ChangeOutcome } from './change_step.ts';

/**
 * PIVOTED: ticketing puts the new tickets in the place of the old ones, in one step. Should the railway refuse the new ones for good,
 * or a gate have taken an old one at this very moment, then nothing has happened there, and the change is undone.
 */
export async function swapTickets(deps: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { store, tickets } = deps;
  const ours = await inChange(deps, change);
  if (ours.length !== change.items.length) return movedMeanwhile(deps, change);
  const { outcome, reason, tickets: issued } = required(await tickets.swap(change, ours));
  if (outcome === 'PENDING') return { wait_ms: ASK_EVERY_MS };
  if (outcome === 'FAILED') return store.move(change.change_id, 'PIVOTED', 'UNDOING', { reason: reason === 'TICKET_NOT_VALID' ? 'TICKET_NOT_VALID' : 'TICKETING_FAILED' });
  const ids = new Map(issued.map(({ item_id, ticket_id }) => [item_id, ticket_id]));
  const items = change.items.map((item) => ({ ...item, ticket_id: ids.get(item.item_id) ?? '' }));
  if (items.some(({ ticket_id }) => ticket_id === '')) throw new Error(`change ${change.change_id}: ticketing issued too few tickets`);
  return store.move(change.change_id, 'PIVOTED', 'ISSUED', { body: { items } });
}

/** Our items are not in CHANGE: another process has done this step and more. */
async function movedMeanwhile({ store }: ChangeDeps, { change_id, stage }: Change): Promise<ChangeOutcome> {
  const now = await store.find(change_id);
  if (now === undefined || now.stage === stage) throw new Error(`change ${change_id}: its items are not in CHANGE`);
  return now;
}

/** ISSUED: the order learns of the new journey, the new places and the new ticket. */
export async function moveOrder(deps: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { store, orders, clock } = deps;
  const ours = await inChange(deps, change);
  if (ours.length > 0) {
    const hold_id = newHoldOf(change);
    const { fares } = settleMoney(change);
    const items = ours.map(({ item_id, now_version, places, new_fare_fen, ticket_id }) => ({ item_id, version: now_version, journey: change.journey, places, hold_id, fare_fen: new_fare_fen, money: fares.get(item_id)!, ticket_id }));
    // The versions keep a repetition from having an effect; an outage may last longer than a request id lives.
    const request_id = requestIdOf(change, clock.now_ms(), 'MOVE');
    required(await orders.replace({ request_id, order_id: String(change.order_id), items, cause: `changed by ${change.change_id}` }));
  }
  return store.move(change.change_id, 'ISSUED', 'MOVED');
}

const PLACES_GONE: ReadonlySet<ErrorReason> = new Set(['HOLD_CONFLICT', 'HOLD_NOT_FOUND', 'TRAIN_RUN_NOT_FOUND', 'TRAIN_DEPARTED']);

/** MOVED: the old places go back on sale; payment takes what comes back, once by its id, and sees to it from there on. */
export async function settleOld(deps: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { store, places, money, notices, log } = deps;
  const { change_id, old_run_id } = change;
  for (const [index, { payment_id, amount_fen }] of settleMoney(change).back.entries()) {
    required(await money.refund({ refund_id: `c-${change_id}-${index + 1}`, payment_id, amount_fen, reason: `change ${change_id}` }));
  }
  for (const hold of placesOf(change.items.map((item) => ({ ...item, run_id: old_run_id })))) {
    const released = await places.release({ ...hold, reason: 'changed' });
    if (!released.ok && PLACES_GONE.has(released.error.reason)) log.error({ alert: true, change_id: String(change_id), reason: released.error.reason }, 'the old places of a change could not be given back');
    else required(released);
  }
  required(await notices.done(change));
  return store.move(change_id, 'MOVED', 'DONE');
}
