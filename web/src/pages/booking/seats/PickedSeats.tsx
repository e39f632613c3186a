import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import { seatLabel } from '../../../i18n/labels.ts';
import { useText } from '../../../i18n/LanguageProvider.tsx';
import type { Draft } from '../draft.ts';

/** Who gets which of the chosen seats: in the order of both. */
export function PickedSeats({ travellers, seats }: { travellers: Draft['travellers']; seats: readonly Seat[] }) {
  const text = useText();
  return (
    <ul className="pickedseats">
      {travellers.map(({ passenger }, index) => (
        <li key={passenger.passengerId} data-testid="picked-seat">
          <span>{passenger.nameMasked}</span> <b>{seats[index] === undefined ? '—' : seatLabel(seats[index], text)}</b>
        </li>
      ))}
    </ul>
  );
}
