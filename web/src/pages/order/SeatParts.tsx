import type { SeatPart } from '#gen/rail/order/v1/order_pb.ts';
import { seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** The seats of one journey in the order of travel, each with where one sits down in it and where one leaves it. */
export function SeatParts({ parts, stops }: { parts: readonly SeatPart[]; stops: ReadonlyMap<number, string> }) {
  const text = useText();
  return (
    <ol className="seatparts" data-testid="seat-parts">
      {parts.map(({ seat, fromIndex, toIndex }) => (
        <li key={fromIndex}>
          <b>{seatLabel(seat, text)}</b>
          {stops.size > 0 && <small>{text.common.from_to(stops.get(fromIndex) ?? '', stops.get(toIndex) ?? '')}</small>}
        </li>
      ))}
    </ol>
  );
}
