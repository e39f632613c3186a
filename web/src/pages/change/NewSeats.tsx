import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { seatClassLabel, seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** The places that are held: whose is which. */
export function NewSeats({ change, items }: { change: Change; items: OrderItem[] }) {
  const text = useText();
  return (
    <ul className="changeseats" data-testid="change-seats">
      {change.quote?.items.map(({ itemId, seatParts }) => (
        <li key={itemId}>
          <span>{items.find((item) => item.itemId === itemId)?.passengerNameMasked}</span>
          <span>
            {seatParts[0]?.seat !== undefined && seatClassLabel(seatParts[0].seat.seatClass, text)} <b>{seatParts.map(({ seat }) => seatLabel(seat, text)).join(' → ')}</b>
          </span>
        </li>
      ))}
    </ul>
  );
}
