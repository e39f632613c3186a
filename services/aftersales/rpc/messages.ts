import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RefundCause, RefundStage, RunRefundState, type RefundItemQuoteSchema, type RefundQuoteSchema, type RefundSchema, type RunRefundSchema } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { fenToInt64 } from '#kit/base/money.ts';
import type { RunRefundProgress } from '../app/run_ports.ts';
import { FEE_RULES } from '../domain/fee_rules.ts';
import type { Quote } from '../domain/quote.ts';
import { totalOf, type Refund, type RefundItem } from '../domain/refund.ts';

/** What was refused after it had been accepted is for people, too: the traveller was told otherwise. */
const STAGES: Record<Refund['stage'], RefundStage> = {
  BEGUN: RefundStage.ACCEPTED, ACCEPTED: RefundStage.ACCEPTED, UNDOING: RefundStage.ACCEPTED, VOIDED: RefundStage.VOIDED,
  MONEY_SENT: RefundStage.MONEY_SENT, DONE: RefundStage.DONE, MANUAL: RefundStage.MANUAL, REFUSED: RefundStage.MANUAL,
};

const CAUSES: Record<Refund['cause'], RefundCause> = { TRAVELLER: RefundCause.TRAVELLER, RUN_CANCELLED: RefundCause.RUN_CANCELLED, OPERATOR: RefundCause.OPERATOR };

export function quoteMessage(quote: Quote, quote_token: string): MessageInitShape<typeof RefundQuoteSchema> {
  return {
    quoteToken: quote_token,
    items: quote.items.map(itemMessage),
    totalFee: money(totalOf(quote.items, 'fee_fen')),
    totalReturned: money(totalOf(quote.items, 'returned_fen')),
    expireTime: timestampFromMs(quote.expire_ms),
    ruleVersion: quote.rule_version,
    rules: FEE_RULES.find(({ version }) => version === quote.rule_version)?.tiers.map(({ rule_id, text_zh, text_en }) => ({ ruleId: rule_id, textZh: text_zh, textEn: text_en })),
  };
}

export function refundMessage(refund: Refund): MessageInitShape<typeof RefundSchema> {
  return {
    refundId: String(refund.refund_id),
    orderId: String(refund.order_id),
    items: refund.items.map(itemMessage),
    stage: STAGES[refund.stage],
    totalReturned: money(totalOf(refund.items, 'returned_fen')),
    createTime: timestampFromMs(refund.create_time_ms),
    finishTime: refund.finish_time_ms === undefined ? undefined : timestampFromMs(refund.finish_time_ms),
    reason: refund.reason,
    cause: CAUSES[refund.cause],
  };
}

export function runRefundMessage(job: RunRefundProgress): MessageInitShape<typeof RunRefundSchema> {
  return {
    jobId: String(job.job_id),
    runId: job.run_id,
    cause: CAUSES[job.cause],
    reason: job.reason_zh === job.reason_en ? job.reason_en : `${job.reason_zh} / ${job.reason_en}`,
    state: RunRefundState[job.state],
    orders: job.orders,
    ordersOpen: job.orders_open,
    items: job.items,
    itemsRefunded: job.items_refunded,
    itemsFailed: job.items_failed,
    returned: money(job.returned_fen),
    createTime: timestampFromMs(job.create_time_ms),
    finishTime: job.finish_time_ms === undefined ? undefined : timestampFromMs(job.finish_time_ms),
    problems: job.problems.map(({ order_id, reason }) => ({ orderId: String(order_id), reason })),
  };
}

function itemMessage({ item_id, paid_fen, fee_fen, returned_fen, rule_id, text_zh, text_en }: RefundItem): MessageInitShape<typeof RefundItemQuoteSchema> {
  return { itemId: item_id, paid: money(paid_fen), fee: money(fee_fen), returned: money(returned_fen), ruleId: rule_id, ruleTextZh: text_zh, ruleTextEn: text_en };
}

function money(amount_fen: number) {
  return { amountFen: fenToInt64(amount_fen), currency: 'CNY' };
}
