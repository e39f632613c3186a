import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { StateTag } from '../../components/StateTag.tsx';
import { price } from '../../i18n/format.ts';
import { passengerTypeLabel, seatClassLabel, seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { SeatParts } from './SeatParts.tsx';
import { useStopNames } from './use_stop_names.ts';

/** Who sits where, for how much. */
export function ItemList({ items }: { items: OrderItem[] }) {
  const text = useText();
  const stops = useStopNames(items);
  const mixed = new Set(items.map(({ state }) => state)).size > 1;
  return (
    <ul className="items">
      {items.map((item) => (
        <li key={item.itemId} className="item" data-testid="item">
          <div>
            <p className="item__name">
              {item.passengerNameMasked} <span className="tag">{passengerTypeLabel(item.passengerType, text)}</span>
              {item.changed && item.state === OrderState.SUCCESS && <span className="tag" data-testid="changed">{text.change.list.tag}</span>}
              {(mixed || item.state === OrderState.CLOSED) && <StateTag state={item.state} close_reason={item.closeReason} />}
            </p>
            <p className="item__id">{item.idNumberMasked}</p>
          </div>
          <div className="item__seat">
            <p>{item.seat !== undefined && seatClassLabel(item.seat.seatClass, text)}</p>
            {item.seatParts.length > 1 ? <SeatParts parts={item.seatParts} stops={stops} /> : <p className="item__place">{seatLabel(item.seat, text)}</p>}
          </div>
          <p className="item__fare">{price(item.fare)}</p>
        </li>
      ))}
    </ul>
  );
}
