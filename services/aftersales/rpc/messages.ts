import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RefundStage, type RefundItemQuoteSchema, type RefundQuoteSchema, type RefundSchema } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { fenToInt64 } from '#kit/base/money.ts';
import type { Quote } from '../domain/quote.ts';
import { totalOf, type Refund, type RefundItem } from '../domain/refund.ts';

/** What was refused after it had been accepted is for people, too: the traveller was told otherwise. */
const STAGES: Record<Refund['stage'], RefundStage> = {
  BEGUN: RefundStage.ACCEPTED, ACCEPTED: RefundStage.ACCEPTED, UNDOING: RefundStage.ACCEPTED, VOIDED: RefundStage.VOIDED,
  MONEY_SENT: RefundStage.MONEY_SENT, DONE: RefundStage.DONE, MANUAL: RefundStage.MANUAL, REFUSED: RefundStage.MANUAL,
};

export function quoteMessage(quote: Quote, quote_token: string): MessageInitShape<typeof RefundQuoteSchema> {
  return {
    quoteToken: quote_token,
    items: quote.items.map(itemMessage),
    totalFee: money(totalOf(quote.items, 'fee_fen')),
    totalReturned: money(totalOf(quote.items, 'returned_fen')),
    expireTime: timestampFromMs(quote.expire_ms),
    ruleVersion: quote.rule_version,
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
  };
}

function itemMessage({ item_id, paid_fen, fee_fen, returned_fen, rule_id, text_zh, text_en }: RefundItem): MessageInitShape<typeof RefundItemQuoteSchema> {
  return { itemId: item_id, paid: money(paid_fen), fee: money(fee_fen), returned: money(returned_fen), ruleId: rule_id, ruleTextZh: text_zh, ruleTextEn: text_en };
}

function money(amount_fen: number) {
  return { amountFen: fenToInt64(amount_fen), currency: 'CNY' };
}
