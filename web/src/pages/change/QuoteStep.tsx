import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { RefObject } from 'react';
import type { ChangeQuote } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { Intent } from '../../api/intent.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { useNow } from '../../app/use_now.ts';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { clockTime, countdown, shortFen } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { ChangeRefusal } from './ChangeRefusal.tsx';
import { agreedTo, dueOf } from './figures.ts';
import type { ChosenRide, Plan } from './plan.ts';
import { QuoteFigures } from './QuoteFigures.tsx';
import { StaleNotice } from './StaleNotice.tsx';
import { StepTitle } from './StepTitle.tsx';
import type { Sending } from './use_sending.ts';

type Props = { order: Order; plan: Plan & { ride: ChosenRide }; sending: Sending; moved: RefObject<boolean> };

/** What it costs, by which rule, for how long that is good; nothing happens before it is confirmed. */
export function QuoteStep({ order, plan, sending, moved }: Props) {
  const text = useText();
  const { change } = useApi();
  const { item_ids, ride } = plan;
  const wish = { orderId: order.orderId, itemIds: item_ids, runId: ride.run_id, fromStationId: ride.from_station_id, toStationId: ride.to_station_id, seatClass: ride.seat_class };
  const { value: quote, error, loading, reload } = useLoad(`quote ${JSON.stringify(wish)}`, async (signal) => (await change.quoteChange(wish, { signal })).quote);
  const chosen = order.items.filter(({ itemId }) => item_ids.includes(itemId));
  const refused = sending.refused !== undefined && JSON.stringify([sending.refused.sent.item_ids, sending.refused.sent.ride]) === JSON.stringify([item_ids, ride]) ? sending.refused : undefined;
  const stale = refused?.error.reason === 'QUOTE_STALE' ? refused.sent.agreed : undefined;
  const refusal = error ?? (stale === undefined ? refused?.error : undefined);
  const again = (): void => {
    sending.clearRefused();
    reload();
  };
  const confirm = (accepted: ChangeQuote): void => {
    sending.send({ request_id: new Intent().idFor(accepted.quoteToken), order_id: order.orderId, item_ids, ride, quote_token: accepted.quoteToken, agreed: agreedTo(accepted) });
  };
  return (
    <section className="changecheck">
      <StepTitle step="quote" title={text.change.quote.title} moved={moved} />
      {quote !== undefined && stale !== undefined && <StaleNotice agreed={stale} quote={quote} />}
      {quote !== undefined && <Rides old={chosen[0]} quote={quote} ride={ride} />}
      {loading && quote === undefined && <Skeleton rows={4} tall />}
      <ChangeRefusal error={refusal} order={order} plan={plan} onAgain={again} />
      {quote !== undefined && error === undefined && (
        <section className="panel">
          <QuoteFigures quote={quote} items={order.items} seat_class={ride.seat_class} />
          {refusal === undefined && <Confirm quote={quote} loading={loading} onConfirm={() => confirm(quote)} onAgain={again} />}
        </section>
      )}
    </section>
  );
}

/** From which ride to which. */
function Rides({ old, quote, ride }: { old: OrderItem | undefined; quote: ChangeQuote; ride: ChosenRide }) {
  const text = useText();
  return (
    <div className="changerides">
      {old?.journey !== undefined && (
        <section className="panel changerides__old" aria-label={text.change.old_ride}>
          <p className="quote__rule">
            {text.change.old_ride} · {old.seat !== undefined && seatClassLabel(old.seat.seatClass, text)}
          </p>
          <JourneyHead journey={old.journey} change={old.journeyChange} />
        </section>
      )}
      {quote.newJourney !== undefined && (
        <section className="panel changerides__new" aria-label={text.change.new_ride} data-testid="new-ride">
          <p className="quote__rule">
            {text.change.new_ride} · {seatClassLabel(ride.seat_class, text)}
          </p>
          <JourneyHead journey={quote.newJourney} />
        </section>
      )}
    </div>
  );
}

/** The button says the amount, so that nobody agrees to another one. */
function Confirm({ quote, loading, onConfirm, onAgain }: { quote: ChangeQuote; loading: boolean; onConfirm: () => void; onAgain: () => void }) {
  const text = useText();
  const words = text.change.quote;
  const now_ms = useNow();
  const expire_ms = quote.expireTime === undefined ? Infinity : timestampMs(quote.expireTime);
  const due = dueOf(quote);
  const label = { pay: words.confirm_pay(shortFen(due.amount_fen)), back: words.confirm_back(shortFen(due.amount_fen)), even: words.confirm_even }[due.way];
  const expired = now_ms >= expire_ms;
  return (
    <>
      {quote.expireTime !== undefined && !expired && (
        <p className="quote__rule" data-testid="quote-good-until">
          {words.good_until(clockTime(quote.expireTime), countdown(expire_ms - now_ms))}
        </p>
      )}
      <p className="quote__rule">{words.seat_after}</p>
      <p role="status">{expired && words.expired}</p>
      <div className="actions">
        {expired ? (
          <button type="button" className="button button--primary button--large" disabled={loading} onClick={onAgain} data-testid="quote-again">
            {words.again}
          </button>
        ) : (
          <button type="button" className="button button--primary button--large" disabled={loading} onClick={onConfirm} data-testid="confirm-change">
            {label}
          </button>
        )}
      </div>
    </>
  );
}
