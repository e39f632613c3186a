import type { ReactNode } from 'react';
import { BerthLevel } from '#gen/rail/type/v1/journey_pb.ts';
import { Check, Choice } from '../../components/Choice.tsx';
import { berthLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { AISLE_LETTERS, WINDOW_LETTERS, berthLevels, isSleeper, preferenceOf, rowLetters } from './draft.ts';
import type { Draft } from './draft.ts';

/** Where one would like to sit: letters of a row as it is in the coach, or a berth. As many letters as travellers. */
export function SeatWishes({ draft, quiet, onChange, children }: { draft: Draft; quiet: boolean; onChange: (part: Partial<Draft>) => void; children?: ReactNode }) {
  const text = useText();
  const row = rowLetters(draft.seat_class);
  const most = Math.max(1, draft.travellers.length);
  const toggle = (letter: string): void => {
    const others = draft.letters.filter((other) => other !== letter);
    // One more than travellers replaces the oldest wish.
    onChange({ letters: others.length < draft.letters.length ? others : [...others, letter].slice(-most) });
  };
  const places = { window: text.booking.window_seat, aisle: text.booking.aisle_seat, middle: '' };
  return (
    <fieldset className="panel">
      <legend className="panel__title">
        {text.booking.wishes} <small>{text.booking.wishes_hint}</small>
      </legend>
      {row.length > 0 && (
        <div className="seatrow">
          <span className="seatrow__end" aria-hidden="true">{text.booking.window}</span>
          {row.map((letter, index) =>
            letter === undefined ? (
              <span key={index} className="seatrow__aisle" aria-hidden="true">
                {text.booking.aisle}
              </span>
            ) : (
              <button key={letter} type="button" className="seatrow__seat" aria-pressed={draft.letters.includes(letter)} aria-label={text.booking.seat(letter, places[placeOf(letter)])} onClick={() => toggle(letter)} data-testid={`seat-${letter}`}>
                {letter}
              </button>
            ),
          )}
          <span className="seatrow__end" aria-hidden="true">{text.booking.window}</span>
        </div>
      )}
      {isSleeper(draft.seat_class) && (
        <Choice
          legend={text.booking.berth}
          name="berth"
          value={draft.berth_level}
          onChoose={(berth_level) => onChange({ berth_level })}
          options={[
            { value: BerthLevel.UNSPECIFIED as BerthLevel, label: text.booking.berths.any },
            ...berthLevels(draft.seat_class).map((value) => ({ value, label: berthLabel(value, text) ?? text.booking.berths.any })),
          ]}
        />
      )}
      <div className="panel__checks">
        {row.length === 0 && !isSleeper(draft.seat_class) && (
          <>
            <Check label={text.booking.window_seat} checked={draft.window} onCheck={(window) => onChange({ window })} test_id="window" />
            <Check label={text.booking.aisle_seat} checked={draft.aisle} onCheck={(aisle) => onChange({ aisle })} test_id="aisle" />
          </>
        )}
        {draft.travellers.length > 1 && (
          <>
            <Check label={text.booking.together} checked={draft.together} onCheck={(together) => onChange({ together })} test_id="together" />
            <Check label={text.booking.same_coach} checked={draft.same_coach} onCheck={(same_coach) => onChange({ same_coach })} test_id="same-coach" />
          </>
        )}
        {quiet && <Check label={text.booking.quiet} checked={draft.quiet} onCheck={(wanted) => onChange({ quiet: wanted })} test_id="quiet" />}
        {preferenceOf({ ...draft, required: true }).required && <Check label={text.booking.required} checked={draft.required} onCheck={(required) => onChange({ required })} test_id="required" />}
      </div>
      {children}
    </fieldset>
  );
}

function placeOf(letter: string): 'window' | 'aisle' | 'middle' {
  if (WINDOW_LETTERS.includes(letter)) return 'window';
  return AISLE_LETTERS.includes(letter) ? 'aisle' : 'middle';
}
