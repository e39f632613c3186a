import { useId } from 'react';
import { useNow } from '../../app/use_now.ts';
import { dateAndTime } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { deadlineAt, fromCivil, leadsLeft, toCivil } from './deadline.ts';
import type { DeadlineChoice } from './deadline.ts';

type Props = { choice: DeadlineChoice; last_departure_ms: number; /** Of a ticket that is held: it can't be changed from then on. */ closes_ms?: number; /** Which departure counts, where that is a question. */ note?: string; onChoose: (choice: DeadlineChoice) => void };

/** Until when to wait: a few usual moments, or one of one's own; in China's time like all times of trains. */
export function DeadlinePicker({ choice, last_departure_ms, closes_ms, note, onChoose }: Props) {
  const text = useText();
  const id = useId();
  const now_ms = useNow(60_000);
  const at_ms = deadlineAt(choice, last_departure_ms, closes_ms);
  const own = 'at_ms' in choice;
  const options = [...leadsLeft(last_departure_ms, now_ms).map((lead_h) => ({ key: String(lead_h), words: lead_h === 0 ? text.standby.deadline_departure : text.standby.deadline_lead(lead_h), choice: { lead_h }, on: !own && choice.lead_h === lead_h })), { key: 'own', words: text.standby.deadline_own, choice: { at_ms }, on: own }];
  return (
    <fieldset className="panel">
      <legend className="panel__title">
        {text.standby.deadline} {note !== undefined && <small>{note}</small>}
      </legend>
      <div className="choice__options">
        {options.map((option) => (
          <label key={option.key} className="chip">
            <input type="radio" name="deadline" checked={option.on} onChange={() => onChoose(option.choice)} data-testid={`deadline-${option.key}`} />
            <span>{option.words}</span>
          </label>
        ))}
      </div>
      {own && (
        <div className="field standby__moment">
          <label className="field__label" htmlFor={id}>
            {text.standby.deadline_moment}
          </label>
          <input
            id={id}
            className="input"
            type="datetime-local"
            defaultValue={toCivil(at_ms)}
            min={toCivil(now_ms)}
            max={toCivil(last_departure_ms)}
            onChange={(event) => {
              const chosen_ms = fromCivil(event.target.value);
              if (chosen_ms !== undefined) onChoose({ at_ms: chosen_ms });
            }}
            data-testid="deadline-moment"
          />
        </div>
      )}
      <p className="panel__note standby__until" data-testid="deadline-until">
        {text.standby.until(dateAndTime(at_ms))}
      </p>
      {at_ms <= now_ms && <p className="field__problem" role="alert">{text.standby.deadline_past}</p>}
    </fieldset>
  );
}
