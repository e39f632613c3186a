import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ChangeStage, type ChangeItemSchema, type ChangeQuoteSchema, type ChangeSchema } from '#gen/rail/aftersales/v1/change_pb.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import { differenceOf, type Change, type ChangeItem } from '../domain/change.ts';
import type { ChangeQuote, QuotedItem } from '../domain/change_quote.ts';
import { moneyMessage, partMessage } from './journeys.ts';

/** What is being undone counts as given up already: the old ticket is the valid one, whatever still goes back. */
const STAGES: Record<Change['stage'], ChangeStage> = {
  BEGUN: ChangeStage.LOCKED, OPENED: ChangeStage.LOCKED, LOCKED: ChangeStage.LOCKED, AWAIT_PAY: ChangeStage.AWAIT_PAY, PAID: ChangeStage.AWAIT_PAY, PIVOTED: ChangeStage.PIVOTED, ISSUED: ChangeStage.PIVOTED,
  MOVED: ChangeStage.PIVOTED, DONE: ChangeStage.DONE, UNDOING: ChangeStage.CANCELLED, CANCELLED: ChangeStage.CANCELLED, REFUSED: ChangeStage.CANCELLED,
};

type Priced = Pick<ChangeQuote, 'terms' | 'journey'> & { items: readonly (QuotedItem & Partial<Pick<ChangeItem, 'places'>>)[] };

export function changeQuoteMessage(quote: Priced, more: { quote_token: string; expire_ms: number | undefined }): MessageInitShape<typeof ChangeQuoteSchema> {
  const { items, terms, journey } = quote;
  const sum = (field: 'old_fare_fen' | 'new_fare_fen' | 'fee_fen') => moneyMessage(items.reduce((total, item) => total + item[field], 0));
  return {
    quoteToken: more.quote_token,
    oldFare: sum('old_fare_fen'),
    newFare: sum('new_fare_fen'),
    fee: sum('fee_fen'),
    difference: moneyMessage(differenceOf(items)),
    ruleId: terms.rule_id,
    ruleTextZh: terms.text_zh,
    ruleTextEn: terms.text_en,
    ruleVersion: terms.rule_version,
    expireTime: more.expire_ms === undefined ? undefined : timestampFromMs(more.expire_ms),
    items: items.map(itemMessage),
    newJourney: journeyMessage(journey),
  };
}

export function changeMessage(change: Change): MessageInitShape<typeof ChangeSchema> {
  return {
    changeId: String(change.change_id),
    orderId: String(change.order_id),
    itemIds: change.items.map(({ item_id }) => item_id),
    stage: STAGES[change.stage],
    quote: changeQuoteMessage(change, { quote_token: '', expire_ms: undefined }),
    newJourney: journeyMessage(change.journey),
    paymentId: change.payment_id,
    createTime: timestampFromMs(change.create_ms),
    payExpireTime: change.pay_expire_ms === undefined || differenceOf(change.items) <= 0 ? undefined : timestampFromMs(change.pay_expire_ms),
    version: BigInt(change.version),
    reason: change.reason,
    finishTime: change.finish_ms === undefined ? undefined : timestampFromMs(change.finish_ms),
  };
}

function itemMessage({ item_id, old_fare_fen, new_fare_fen, fee_fen, places = [] }: Priced['items'][number]): MessageInitShape<typeof ChangeItemSchema> {
  return { itemId: item_id, oldFare: moneyMessage(old_fare_fen), newFare: moneyMessage(new_fare_fen), fee: moneyMessage(fee_fen), seatParts: places.map(partMessage) };
}
