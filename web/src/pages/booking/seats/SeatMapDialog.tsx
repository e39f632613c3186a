import { useId, useState } from 'react';
import type { SeatMapCoach, SeatMapSeat } from '#gen/rail/seat/v1/seat_pb.ts';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../../app/api_context.ts';
import { useLoad } from '../../../app/use_load.ts';
import { Dialog } from '../../../components/Dialog.tsx';
import { ErrorNotice } from '../../../components/ErrorNotice.tsx';
import { Skeleton } from '../../../components/Skeleton.tsx';
import { seatLabel } from '../../../i18n/labels.ts';
import { useText } from '../../../i18n/LanguageProvider.tsx';
import '../../../styles/seats.css';
import type { Ride, RideOffer } from '../BookingPage.tsx';
import type { Draft } from '../draft.ts';
import { CoachGrid } from './CoachGrid.tsx';
import { CoachTabs } from './CoachTabs.tsx';
import { freeCount } from './coach_plan.ts';
import { PickedSeats } from './PickedSeats.tsx';
import { stillFree, toggleSeat } from './picking.ts';
import type { SeatLocking } from './use_seat_lock.ts';

type Props = { ride: Ride; offer: RideOffer; draft: Draft; locking: SeatLocking; onClose: () => void };

/** The seats of a class, coach by coach, to choose one for each traveller and lock them. */
export function SeatMapDialog({ ride, offer, draft, locking, onClose }: Props) {
  const text = useText();
  const { seat } = useApi();
  const { value, error, loading, reload } = useLoad(`seats ${ride.run_id} ${ride.from_station_id} ${ride.to_station_id}`, async (signal) => {
    const { coaches } = await seat.getSeatMap({ runId: ride.run_id, fromStationId: ride.from_station_id, toStationId: ride.to_station_id }, { signal });
    return coaches.filter(({ seatClass }) => seatClass === draft.seat_class);
  });
  const quiet = new Set(offer.coaches.filter((coach) => coach.quiet).map(({ coachNo }) => coachNo));
  const lockAll = async (seats: Seat[]): Promise<void> => {
    if (await locking.take(seats)) onClose();
    // Whatever was refused: what is free now decides what can be chosen next.
    else reload();
  };
  return (
    <Dialog title={text.seats.title} onClose={onClose}>
      <ErrorNotice error={error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={5} />}
      {value !== undefined && <Chooser coaches={value} quiet={quiet} draft={draft} locking={locking} onLock={(seats) => void lockAll(seats)} onClose={onClose} />}
    </Dialog>
  );
}

type ChooserProps = { coaches: SeatMapCoach[]; quiet: ReadonlySet<string>; draft: Draft; locking: SeatLocking; onLock: (seats: Seat[]) => void; onClose: () => void };

function Chooser({ coaches, quiet, draft, locking, onLock, onClose }: ChooserProps) {
  const text = useText();
  const panel_id = useId();
  const wanted = draft.travellers.length;
  const [picked, setPicked] = useState<SeatMapSeat[]>([]);
  const [coach_no, setCoach] = useState('');
  const { kept, lost } = stillFree(picked, coaches);
  const coach = coaches.find(({ coachNo }) => coachNo === coach_no) ?? roomiest(coaches, wanted);
  if (coach === undefined) return <p>{text.seats.sold_out}</p>;
  return (
    <div className="seatmap">
      <CoachTabs coaches={coaches} quiet={quiet} value={coach.coachNo} panel_id={panel_id} onChoose={setCoach} />
      <ul className="seatmap__legend" aria-hidden="true">
        {(['free', 'taken', 'chosen'] as const).map((state) => (
          <li key={state}>
            <span className="place" data-state={state} /> {text.seats[state]}
          </li>
        ))}
      </ul>
      <p className="visually-hidden">{text.seats.keys}</p>
      <div id={panel_id} role="tabpanel" aria-label={text.seats.map(coach.coachNo)} className="seatmap__panel">
        <CoachGrid key={coach.coachNo} coach={coach} picked={kept} onToggle={(one) => setPicked(toggleSeat(kept, one, wanted))} />
      </div>
      <div className="seatmap__foot">
        {lost.length > 0 && (
          <p className="notice notice--error" role="alert" data-testid="seats-lost">
            {text.seats.lost(lost.map((one) => seatLabel(one.seat, text)).join(' / '))}
          </p>
        )}
        <ErrorNotice error={lost.length > 0 ? undefined : locking.error} />
        <p role="status" data-testid="picked-count">
          {text.seats.picked(kept.length, wanted)}
        </p>
        <PickedSeats travellers={draft.travellers} seats={kept.flatMap((one) => one.seat ?? [])} />
        <div className="dialog__actions">
          <button type="button" className="button" onClick={onClose}>
            {text.common.cancel}
          </button>
          <button type="button" className="button button--primary" disabled={kept.length !== wanted || locking.busy} onClick={() => onLock(kept.flatMap((one) => one.seat ?? []))} data-testid="lock-seats">
            {locking.busy ? text.seats.locking : text.seats.lock}
          </button>
        </div>
      </div>
    </div>
  );
}

/** Where all can sit in one coach, else where most is free. */
function roomiest(coaches: readonly SeatMapCoach[], wanted: number): SeatMapCoach | undefined {
  return coaches.find((coach) => freeCount(coach) >= wanted) ?? coaches.toSorted((one, other) => freeCount(other) - freeCount(one))[0];
}
