import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { FailureError, required } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { freeOfCharge, rulesAt } from '../domain/fee_rules.ts';
import { refundOf, type OrderFacts, type OrderItem } from '../domain/quote.ts';
import { totalOf, type Refund } from '../domain/refund.ts';
import { isCertain, isOpen, lookAt, type RunRefund } from '../domain/run_refund.ts';
import type { RefundDriver } from './drive_refund.ts';
import type { Orders, RefundStore } from './ports.ts';
import type { Notices, RunRefundStore } from './run_ports.ts';

export type RefundRunOrderDeps = { jobs: RunRefundStore; refunds: RefundStore; orders: Orders; driver: RefundDriver; notices: Notices; clock: Clock; log: Log; /** Between two looks at an order that others have to move on. */ look_ms: number };

/** An order whose refunds wait for their money is looked at when that has come; this is for what gets lost. */
const WOKEN_MS = 60_000;
const NOBODY = { account_id: '', service: 'aftersales', device_id: '', ip: '' };
const NOTHING = { items: 0, failed: 0, reason: '' };

/** One look at an order of a run whose tickets all go back. Throws when it has to be repeated after a pause. */
export async function refundRunOrder(deps: RefundRunOrderDeps, job_id: bigint, order_id: bigint): Promise<{ again_in_ms: number } | undefined> {
  const { jobs, orders, look_ms } = deps;
  const [job, row] = [await jobs.find(job_id), await jobs.order(job_id, order_id)];
  if (job === undefined || row?.state !== 'OPEN') return undefined;
  // Before the order: a refund that ends in between wakes us again.
  const refunds = await jobs.refundsOf(job_id, order_id);
  const found = await orders.find(String(order_id));
  if (!found.ok && found.error.reason === 'ORDER_NOT_FOUND') {
    await jobs.endOrder(job_id, order_id, 'LEFT', NOTHING);
    return undefined;
  }
  const order = required(found);
  const { next, ...count } = lookAt(job, order, refunds);
  await jobs.countOrder(job_id, order_id, count);
  if ('begin' in next) {
    const begun = await Promise.all(next.begin.map((items) => begin(deps, job, order, items)));
    const smooth = begun.every(Boolean) && refunds.every(({ stage }) => stage !== 'REFUSED');
    return { again_in_ms: smooth ? 0 : look_ms };
  }
  const certain = refunds.every((refund) => isCertain(refund) || !isOpen(refund));
  if (certain && !row.told) await tell(deps, job, order, refunds.filter(isCertain));
  if (!('end' in next)) return { again_in_ms: certain && refunds.some(isOpen) ? WOKEN_MS : look_ms };
  await jobs.endOrder(job_id, order_id, next.end, count);
  return undefined;
}

/** False when another refund has one of the items. */
async function begin({ refunds, driver, clock, log }: RefundRunOrderDeps, job: RunRefund, order: OrderFacts, items: readonly OrderItem[]): Promise<boolean> {
  const now_ms = clock.now_ms();
  const quote = { items: items.map((item) => refundOf(item, freeOfCharge(job.cause, item.paid_fen))), rule_version: rulesAt(now_ms).version };
  const body_hash = createHash('sha256').update(`${job.job_id} ${items.map(({ item_id, version }) => `${item_id}/${version}`).join()}`).digest();
  const created = await refunds.create({ request_id: formatUuid7(now_ms, body_hash), body_hash, order, quote, cause: job.cause, reason: job.reason_en, job_id: job.job_id }, NOBODY);
  if (!created.ok) return false;
  // What is not driven to its end here, the sweeper of refunds drives on.
  await driver.drive(created.value.refund_id).catch((error: unknown) => log.warn({ error, refund_id: String(created.value.refund_id) }, 'a refund of a run is left to the sweeper'));
  return true;
}

/** Once the tickets are void for certain, and before the order counts as ended. */
async function tell({ jobs, notices, log }: RefundRunOrderDeps, job: RunRefund, order: OrderFacts, refunds: readonly Refund[]): Promise<void> {
  if (refunds.length === 0) return;
  const amount_fen = refunds.reduce((sum, { items }) => sum + totalOf(items, 'returned_fen'), 0);
  const told = await notices.runRefunded({ job, order, amount_fen });
  if (!told.ok && !NOTICE_REFUSED.has(told.error.reason)) throw new FailureError(told.error);
  if (!told.ok) log.error({ alert: true, order_id: order.order_id, reason: told.error.reason }, 'the notice of a refund was refused');
  await jobs.markTold(job.job_id, BigInt(order.order_id));
}

/** Repeating would not help, and a notice must not keep the job from its end. */
const NOTICE_REFUSED: ReadonlySet<ErrorReason> = new Set(['TEMPLATE_NOT_FOUND', 'FIELD_INVALID', 'REQUEST_ID_REUSED', 'NOT_ALLOWED']);
