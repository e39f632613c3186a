import { useState } from 'react';
import type { SubmitEvent } from 'react';
import { useNavigate } from 'react-router';
import { serviceDateAt } from '#kit/base/time.ts';
import { Check } from '../../components/Choice.tsx';
import { DateField } from '../../components/DateField.tsx';
import { Icon } from '../../components/Icon.tsx';
import { StationField } from '../../components/StationField.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { wishToSearch } from './journey_wish.ts';
import type { JourneyWish } from './journey_wish.ts';
import { samePlace } from './place.ts';
import { addRecent } from './recent.ts';

type Draft = Partial<Pick<JourneyWish, 'from' | 'to'>> & Omit<JourneyWish, 'from' | 'to'>;

/** A blank ticket: who fills it in and tears the stub off gets the trains. */
export function SearchForm({ initial, onDone }: { initial?: JourneyWish; onDone?: () => void }) {
  const text = useText();
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(() => initial ?? { date: serviceDateAt(Date.now()), only_high_speed: false, student: false });
  const [tried, setTried] = useState(false);
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const { from, to } = draft;
  const same = from !== undefined && to !== undefined && samePlace(from, to);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (from === undefined || to === undefined || same) return;
    addRecent(localStorage, { from, to });
    onDone?.();
    void navigate(`/trains?${wishToSearch({ ...draft, from, to })}`);
  };
  return (
    <form className="blank" onSubmit={submit} noValidate aria-label={text.search.ticket_label}>
      <div className="blank__main">
        <div className="blank__places">
          <StationField name="from" label={text.place.from} place={from} problem={tried && from === undefined ? text.place.required : undefined} onChoose={(place) => change({ from: place })} />
          <button type="button" className="blank__swap" aria-label={text.place.swap} onClick={() => change({ from: to, to: from })} data-testid="swap">
            <Icon name="swap" />
          </button>
          <StationField
            name="to"
            label={text.place.to}
            place={to}
            problem={tried && to === undefined ? text.place.required : tried && same ? text.place.same : undefined}
            onChoose={(place) => change({ to: place })}
          />
        </div>
        <div className="blank__when">
          <DateField date={draft.date} onChoose={(date) => change({ date })} />
          <div className="blank__checks">
            <Check label={text.search.only_high_speed} checked={draft.only_high_speed} onCheck={(only_high_speed) => change({ only_high_speed })} test_id="only-high-speed" />
            <Check label={text.search.student} checked={draft.student} onCheck={(student) => change({ student })} test_id="student" />
          </div>
        </div>
      </div>
      <div className="blank__stub">
        <button type="submit" className="button button--primary button--large" data-testid="search">
          {text.search.submit}
        </button>
      </div>
    </form>
  );
}
