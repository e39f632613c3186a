import { BerthLevel } from '#gen/rail/type/v1/journey_pb.ts';
import { Check, Choice } from '../../components/Choice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { AISLE_LETTERS, WINDOW_LETTERS, isSleeper, rowLetters } from './draft.ts';
import type { Draft } from './draft.ts';

/** Where one would like to sit: letters of a row as it is in the coach, or a berth. As many letters as travellers. */
export function SeatWishes({ draft, onChange }: { draft: Draft; onChange: (part: Partial<Draft>) => void }) {
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
            { value: BerthLevel.LOWER, label: text.booking.berths.lower },
            { value: BerthLevel.MIDDLE, label: text.booking.berths.middle },
            { value: BerthLevel.UPPER, label: text.booking.berths.upper },
          ]}
        />
      )}
      <div className="panel__checks">
        {draft.travellers.length > 1 && <Check label={text.booking.together} checked={draft.together} onCheck={(together) => onChange({ together })} test_id="together" />}
        <Check label={text.booking.quiet} checked={draft.quiet} onCheck={(quiet) => onChange({ quiet })} test_id="quiet" />
      </div>
    </fieldset>
  );
}

function placeOf(letter: string): 'window' | 'aisle' | 'middle' {
  if (WINDOW_LETTERS.includes(letter)) return 'window';
  return AISLE_LETTERS.includes(letter) ? 'aisle' : 'middle';
}
