/** UNDOING: everything goes back, and the old ticket stays as it was. */
import { required } from '#kit/base/result.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { differenceOf, newHoldOf, type Change } from '../domain/change.ts';
import { differencePayment } from './change_forward.ts';
import type { ChangeDeps } from './change_ports.ts';
import { ASK_EVERY_MS, inChange, requestIdOf, type ChangeOutcome } from './change_step.ts';

/** Money first, as it takes longest; the items last: from then on they may be changed anew. */
export async function undo(deps: ChangeDeps, change: Change): Promise<ChangeOutcome> {
  const { store, places, orders, notices, clock } = deps;
  if (!(await returnDifference(deps, change))) return { wait_ms: ASK_EVERY_MS };
  const released = await places.release({ hold_id: newHoldOf(change), run_id: change.journey.run_id, item_nos: [], reason: 'change given up' });
  if (!released.ok && !NO_SUCH_RUN.has(released.error.reason)) required(released);
  const items = (await inChange(deps, change)).map(({ item_id, now_version }) => ({ item_id, version: now_version }));
  if (items.length > 0) required(await orders.giveBack({ request_id: requestIdOf(change, clock.now_ms(), 'BACK'), order_id: String(change.order_id), items, cause: `change ${change.change_id} given up: ${change.reason}` }));
  if (change.pay_expire_ms !== undefined) required(await notices.givenUp(change));
  return store.move(change.change_id, 'UNDOING', 'CANCELLED');
}

const NO_SUCH_RUN: ReadonlySet<ErrorReason> = new Set(['TRAIN_RUN_NOT_FOUND']);

/**
 * Ends the payment of the difference, at the gateway first; money that it has goes back. True when nothing of it is open any
 * more. A process that was about to open the payment may still be on its way with it: so it is opened here under the same id
 * first, and closed then, and whoever comes later gets the closed one.
 */
async function returnDifference({ money, clock, settings }: ChangeDeps, change: Change): Promise<boolean> {
  const { change_id, order_id, pay_expire_ms } = change;
  if (pay_expire_ms === undefined || differenceOf(change.items) <= 0) return true;
  const payment_id = change.payment_id === '' ? await anyPayment(money, change) : change.payment_id;
  if (payment_id === undefined) return true;
  const since_ms = clock.now_ms() - Math.min(pay_expire_ms, clock.now_ms());
  const { paid, closed } = required(await money.close({ order_id: String(order_id), change_id: String(change_id), force: since_ms >= settings.force_close_ms }));
  if (!paid) return closed;
  const refused = await money.settle({ payment_id, order_id: String(order_id), accepted: false, reason: `change ${change_id} given up` });
  if (refused.ok) return true;
  // It was taken before the pivot failed: then it goes back as a refund, once.
  if (refused.error.reason !== 'CONFLICT' || refused.error.retry_after_ms !== undefined) required(refused);
  required(await money.refund({ refund_id: `c-${change_id}-back`, payment_id, amount_fen: differenceOf(change.items), reason: `change ${change_id} given up` }));
  return true;
}

/** Undefined when the request is too old to have an effect, whoever still has it. */
async function anyPayment(money: ChangeDeps['money'], change: Change): Promise<string | undefined> {
  const opened = await money.open(differencePayment(change));
  return !opened.ok && opened.error.reason === 'REQUEST_ID_EXPIRED' ? undefined : required(opened).payment_id;
}
