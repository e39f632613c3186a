import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import { seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** As an order or a ticket has it. */
export type SeatPart = { seat?: Seat; fromIndex: number; toIndex: number };

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
