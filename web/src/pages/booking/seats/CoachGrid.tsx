import { useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import type { SeatMapCoach, SeatMapSeat } from '#gen/rail/seat/v1/seat_pb.ts';
import { BerthLevel } from '#gen/rail/type/v1/journey_pb.ts';
import { Icon } from '../../../components/Icon.tsx';
import { berthLabel, seatLabel } from '../../../i18n/labels.ts';
import { useText } from '../../../i18n/LanguageProvider.tsx';
import { planOf, seatKey, shortName, step } from './coach_plan.ts';
import type { CoachPlan } from './coach_plan.ts';

type Props = { coach: SeatMapCoach; picked: readonly SeatMapSeat[]; onToggle: (seat: SeatMapSeat) => void };

/** One coach from above. A single stop for the tab key; inside, arrows move and space or enter chooses. */
export function CoachGrid({ coach, picked, onToggle }: Props) {
  const text = useText();
  const grid = useRef<HTMLDivElement>(null);
  const plan = planOf(coach);
  const [at, setAt] = useState('');
  const first = coach.seats.find((seat) => seatKey(seat) === at) ?? coach.seats.find((seat) => isIn(picked, seat)) ?? coach.seats.find(({ free }) => free) ?? coach.seats[0];
  const onKey = (event: KeyboardEvent): void => {
    const next = first === undefined ? undefined : step(plan, first, event.key);
    if (next === undefined) return;
    event.preventDefault();
    setAt(seatKey(next));
    grid.current?.querySelector<HTMLElement>(`[data-seat="${CSS.escape(seatKey(next))}"]`)?.focus();
  };
  return (
    <div ref={grid} className={`coach coach--${plan.kind}`} role="grid" aria-multiselectable="true" aria-label={text.seats.map(coach.coachNo)} onKeyDown={onKey} data-testid="coach">
      {plan.columns.length > 0 && <Heads plan={plan} />}
      {plan.groups.map(({ number, rows }) => (
        <div key={number} role="rowgroup" className="coach__group" aria-label={plan.kind === 'berths' ? text.seats.compartment(number) : undefined}>
          {plan.kind === 'berths' && (
            <p className="coach__bay" aria-hidden="true">
              {text.seats.compartment(number)}
            </p>
          )}
          {rows.map((places, index) => (
            <div key={index} role="row" className="coach__row">
              {places.map((seat, column) => [
                column === (plan.aisle_before ?? -1) && (
                  <span key="aisle" role="rowheader" className="coach__aisle" aria-label={text.seats.row(number)}>
                    {number}
                  </span>
                ),
                seat === undefined ? (
                  <span key={column} className="coach__hole" role="gridcell" />
                ) : (
                  <SeatButton key={column} seat={seat} picked={isIn(picked, seat)} tabbable={seat === first} onToggle={onToggle} onFocus={() => setAt(seatKey(seat))} />
                ),
              ])}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}

function Heads({ plan }: { plan: CoachPlan }) {
  const text = useText();
  return (
    <div role="row" className="coach__row coach__row--head">
      {plan.columns.map(({ letter, window }, column) => [
        column === (plan.aisle_before ?? -1) && (
          <span key="aisle" role="columnheader" className="coach__aisle">
            {text.seats.aisle}
          </span>
        ),
        <span key={letter} role="columnheader" className="coach__letter">
          {letter}
          {window && <small>{text.seats.window}</small>}
        </span>,
      ])}
    </div>
  );
}

type SeatProps = { seat: SeatMapSeat; picked: boolean; tabbable: boolean; onToggle: (seat: SeatMapSeat) => void; onFocus: () => void };

function SeatButton({ seat, picked, tabbable, onToggle, onFocus }: SeatProps) {
  const text = useText();
  const state = picked ? 'chosen' : seat.free ? 'free' : 'taken';
  const where = seat.window ? text.seats.window_seat : seat.aisle ? text.seats.aisle_seat : undefined;
  const level = berthLabel(seat.seat?.berthLevel ?? BerthLevel.UNSPECIFIED, text);
  // What is read out contains what is written, so that voice commands find it.
  const name = level === undefined ? seatLabel(seat.seat, text) : `${text.order.coach(seat.seat?.coachNo ?? '')} ${shortName(seat)} ${level}`;
  const label = [name, where, text.seats[state]].filter(Boolean).join(', ');
  return (
    <button
      type="button"
      role="gridcell"
      className="place"
      data-state={state}
      data-window={seat.window}
      data-testid="place"
      data-seat={seatKey(seat)}
      aria-selected={picked}
      aria-disabled={!seat.free && !picked}
      aria-label={label}
      tabIndex={tabbable ? 0 : -1}
      onClick={() => onToggle(seat)}
      onFocus={onFocus}
    >
      {picked && <Icon name="check" />}
      {(!picked || level !== undefined) && shortName(seat)}
      {level !== undefined && <small> {level}</small>}
    </button>
  );
}

function isIn(picked: readonly SeatMapSeat[], seat: SeatMapSeat): boolean {
  return picked.some((other) => seatKey(other) === seatKey(seat));
}
