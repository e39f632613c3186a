import { useRef } from 'react';
import type { KeyboardEvent } from 'react';
import type { SeatMapCoach } from '#gen/rail/seat/v1/seat_pb.ts';
import { useText } from '../../../i18n/LanguageProvider.tsx';
import { freeCount } from './coach_plan.ts';

type Props = { coaches: readonly SeatMapCoach[]; quiet: ReadonlySet<string>; value: string; panel_id: string; onChoose: (coach_no: string) => void };

/** The coaches of a class as the train has them, each with what is free. */
export function CoachTabs({ coaches, quiet, value, panel_id, onChoose }: Props) {
  const text = useText();
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent): void => {
    const now = coaches.findIndex(({ coachNo }) => coachNo === value);
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: coaches.length - 1 }[event.key];
    const coach = next === undefined ? undefined : coaches[next];
    if (coach === undefined) return;
    event.preventDefault();
    onChoose(coach.coachNo);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[next!]?.focus();
  };
  return (
    <div ref={list} className="coachtabs" role="tablist" aria-label={text.seats.coaches} onKeyDown={onKey}>
      {coaches.map((coach) => (
        <button
          key={coach.coachNo}
          type="button"
          role="tab"
          className="coachtabs__one"
          aria-selected={coach.coachNo === value}
          aria-controls={panel_id}
          tabIndex={coach.coachNo === value ? 0 : -1}
          onClick={() => onChoose(coach.coachNo)}
          data-testid="coach-tab"
        >
          {text.seats.coach(coach.coachNo, freeCount(coach))}
          {quiet.has(coach.coachNo) && <small>{text.seats.quiet}</small>}
        </button>
      ))}
    </div>
  );
}
