import { useState } from 'react';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { Ride, RideOffer } from './BookingPage.tsx';
import type { Draft } from './draft.ts';
import { LockedSeats } from './seats/LockedSeats.tsx';
import { SeatMapDialog } from './seats/SeatMapDialog.tsx';
import type { SeatLocking } from './seats/use_seat_lock.ts';
import { SeatWishes } from './SeatWishes.tsx';

type Props = { ride: Ride; offer: RideOffer; draft: Draft; locking: SeatLocking; onChange: (part: Partial<Draft>) => void };

/** Where one sits: by wishes that are met as far as possible, or by seats chosen on the map. */
export function Seating({ ride, offer, draft, locking, onChange }: Props) {
  const text = useText();
  const [choosing, setChoosing] = useState(false);
  if (draft.seat_class === SeatClass.STANDING) return null;
  if (locking.lock !== undefined) return <LockedSeats lock={locking.lock} locking={locking} draft={draft} />;
  const through = offer.classes.find(({ seatClass }) => seatClass === draft.seat_class)?.remaining ?? 0;
  const nobody = draft.travellers.length === 0;
  return (
    <>
      <div role="status">
        {locking.expired && (
          <p className="notice" data-testid="lock-expired">
            {text.seats.expired}
          </p>
        )}
      </div>
      <SeatWishes draft={draft} quiet={offer.coaches.some((coach) => coach.quiet && coach.seatClass === draft.seat_class)} onChange={onChange}>
        {through > 0 && (
          <div className="seatpick">
            <button type="button" className="button button--small" disabled={nobody} onClick={() => setChoosing(true)} data-testid="open-seat-map">
              <Icon name="seat" />
              {text.seats.open}
            </button>
            <small>{nobody ? text.seats.passengers_first : text.seats.lead}</small>
          </div>
        )}
      </SeatWishes>
      {choosing && <SeatMapDialog ride={ride} offer={offer} draft={draft} locking={locking} onClose={() => setChoosing(false)} />}
    </>
  );
}
