/**
 * The refund of all tickets of a run, and what one order of it needs next. Orders are found in passes over the run; each is
 * looked at until none of its places on the run is left, however it loses them: refunded here or by the traveller, never paid,
 * changed to another train. The job ends when a pass finds nothing more.
 */
import type { OrderFacts, OrderItem } from './quote.ts';
import type { Refund, RefundCause } from './refund.ts';

/** STOPPED: the run runs after all. What was begun is brought to its end, the rest is left alone. */
export type RunRefundState = 'ACTIVE' | 'DONE' | 'STOPPED';

export type RunRefund = {
  job_id: bigint;
  run_id: string;
  cause: Exclude<RefundCause, 'TRAVELLER'>;
  reason_zh: string;
  reason_en: string;
  state: RunRefundState;
  /** Of the pass under way; empty at its beginning. */
  next_page: string;
  /** Orders that this pass found and no one before. */
  found_in_pass: number;
  passes: number;
  version: bigint;
  create_time_ms: number;
  finish_time_ms: number | undefined;
};

/** FAILED: a ticket needs people. LEFT: none of its tickets was refunded, since the job was stopped before. */
export type RunOrderState = 'OPEN' | 'DONE' | 'FAILED' | 'LEFT';

export type RunOrder = { order_id: bigint; state: RunOrderState; told: boolean };

/** How far an order is, in tickets. */
export type OrderCount = { items: number; failed: number; reason: string };

export type OrderLook = OrderCount & { next: { begin: OrderItem[][] } | { wait: true } | { end: Exclude<RunOrderState, 'OPEN'> } };

/** What is to be done with an order, by what it is now and by the refunds that the job began for it. */
export function lookAt(job: Pick<RunRefund, 'run_id' | 'state'>, order: OrderFacts, refunds: readonly Refund[]): OrderLook {
  const done = refunds.filter(({ stage }) => stage === 'DONE').flatMap(({ items }) => items).length;
  const open = refunds.filter(isOpen);
  if (job.state === 'STOPPED') return { items: done + open.flatMap(({ items }) => items).length, failed: 0, reason: '', next: open.length > 0 ? { wait: true } : { end: done > 0 ? 'DONE' : 'LEFT' } };

  const here = order.items.filter(({ run_id, state }) => run_id === job.run_id && state !== 'CLOSED');
  const used = refunds.filter((refund) => isRefusedForUse(refund) && refund.items.length === 1).map(({ items }) => items[0]!.item_id);
  const failed = here.filter(({ item_id, state }) => state === 'SUCCESS' && used.includes(item_id));
  const under_way = new Set(open.flatMap(({ items }) => items.map(({ item_id }) => item_id)));
  const due = here.filter((item) => item.state === 'SUCCESS' && !failed.includes(item) && !under_way.has(item.item_id));
  const count: OrderCount = { items: done + here.length, failed: failed.length, reason: failed.length > 0 ? 'TICKET_NOT_VALID' : '' };
  // A ticket that went through a gate must not keep those of the others: from then on each goes by itself.
  if (due.length > 0) return { ...count, next: { begin: refunds.some(isRefusedForUse) ? due.map((item) => [item]) : [due] } };
  if (here.length > failed.length || open.length > 0) return { ...count, next: { wait: true } };
  return { ...count, next: { end: failed.length > 0 ? 'FAILED' : 'DONE' } };
}

/** True once the tickets are void: then the refund will not be taken back. */
export function isCertain({ stage }: Pick<Refund, 'stage'>): boolean {
  return stage === 'VOIDED' || stage === 'MONEY_SENT' || stage === 'DONE' || stage === 'MANUAL';
}

export function isOpen({ stage }: Pick<Refund, 'stage'>): boolean {
  return stage !== 'DONE' && stage !== 'REFUSED';
}

function isRefusedForUse({ stage, reason }: Refund): boolean {
  return stage === 'REFUSED' && reason === 'TICKET_NOT_VALID';
}
