import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';

/** What the railway has changed of the journey, and what that means for whoever wants to travel. */
export function RunNotice({ order }: { order: Order }) {
  const { text, language } = useSpeech();
  const changes = order.items.filter(({ state }) => state !== OrderState.CLOSED).flatMap(({ journeyChange }) => journeyChange ?? []);
  const [first] = changes;
  if (first === undefined) return null;
  const words = text.order.change;
  const cancelled = changes.some((change) => change.cancelled);
  const goes = changes.filter((change) => !change.cancelled);
  const unpaid = order.state === OrderState.WAIT_PAY || order.state === OrderState.CLOSING;
  const reason = language === 'zh' ? first.reasonZh : first.reasonEn;
  return (
    <div className={cancelled ? 'notice notice--error' : 'notice'} role="status" data-testid="run-notice" data-cancelled={cancelled}>
      <Icon name="warning" />
      <div className="notice__body">
        {cancelled && <p>{unpaid ? words.cancelled_unpaid : words.cancelled}</p>}
        {goes.some(({ orderedDepartureTime, orderedArrivalTime }) => orderedDepartureTime !== undefined || orderedArrivalTime !== undefined) && <p>{words.times}</p>}
        {goes.some(({ seatGone }) => seatGone) && <p>{words.seat_gone}</p>}
        {reason !== '' && <p>{words.reason(reason)}</p>}
      </div>
    </div>
  );
}
