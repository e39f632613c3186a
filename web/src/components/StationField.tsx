import { useId, useState } from 'react';
import type { KeyboardEvent } from 'react';
import type { SuggestStationsResponse_Suggestion as Suggestion } from '#gen/rail/query/v1/query_pb.ts';
import { useSpeech } from '../i18n/LanguageProvider.tsx';
import { fromSuggestion } from '../pages/search/place.ts';
import type { ChosenPlace } from '../pages/search/place.ts';
import { useSuggestions } from './use_suggestions.ts';

type Props = { label: string; name: string; place: ChosenPlace | undefined; problem?: string; onChoose: (place: ChosenPlace | undefined) => void };

/** A combobox with a list (ARIA 1.2): arrows move, Enter chooses, Escape closes; the focus stays in the input. */
export function StationField({ label, name, place, problem, onChoose }: Props) {
  const { text, language } = useSpeech();
  const id = useId();
  const [typed, setTyped] = useState('');
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const found = useSuggestions(open ? typed : '');
  const suggestions = found ?? [];

  const choose = (suggestion: Suggestion | undefined): void => {
    const chosen = suggestion && fromSuggestion(suggestion);
    if (chosen === undefined) return;
    setTyped('');
    setOpen(false);
    onChoose(chosen);
  };
  const type = (value: string): void => {
    setTyped(value);
    setActive(0);
    setOpen(true);
    if (place !== undefined) onChoose(undefined);
  };
  const leave = (): void => {
    setOpen(false);
    // What was typed in full counts as chosen: the first suggestion of the same name.
    if (place === undefined) choose(suggestions.find((suggestion) => fromSuggestion(suggestion)?.name === typed.trim()));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && suggestions.length > 0) {
      event.preventDefault();
      setOpen(true);
      setActive((active + step + suggestions.length) % suggestions.length);
    } else if (event.key === 'Enter' && open && suggestions.length > 0) {
      event.preventDefault();
      choose(suggestions[active]);
    } else if (event.key === 'Escape') {
      setOpen(false);
    }
  };
  const shown = open && suggestions.length > 0;
  return (
    <div className="station" data-invalid={problem !== undefined}>
      <label className="station__label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="station__input"
        role="combobox"
        aria-expanded={shown}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={shown ? `${id}-${active}` : undefined}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
        autoComplete="off"
        spellCheck={false}
        placeholder={text.place.from_hint}
        value={place?.name ?? typed}
        data-testid={name}
        onChange={(event) => type(event.target.value)}
        onFocus={(event) => event.target.select()}
        onBlur={leave}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} className="station__list" role="listbox" aria-label={label} hidden={!shown}>
        {suggestions.map((suggestion, index) => (
          <li
            key={index}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            className="station__option"
            data-testid={`${name}-option`}
            // The mouse must not take the focus: leaving the input closes the list.
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(suggestion)}
            onMouseEnter={() => setActive(index)}
          >
            <SuggestionLine suggestion={suggestion} language={language} />
          </li>
        ))}
      </ul>
      <span className="visually-hidden" role="status">
        {shown ? text.place.results(suggestions.length) : open && found?.length === 0 ? text.place.none : ''}
      </span>
      {open && found?.length === 0 && <p className="station__list station__none">{text.place.none}</p>}
      <p className="station__problem" id={`${id}-problem`} aria-live="polite">
        {problem}
      </p>
    </div>
  );
}

function SuggestionLine({ suggestion, language }: { suggestion: Suggestion; language: string }) {
  const { text } = useSpeech();
  const { place } = suggestion;
  if (place.case === 'station') {
    const city = language === 'zh' ? place.value.cityZh : place.value.cityEn || place.value.cityZh;
    return (
      <>
        <span className="station__name">{place.value.nameZh}</span>
        <span className="station__aside">{language === 'zh' ? `${place.value.pinyin} · ${city}` : `${place.value.nameEn || place.value.pinyin}`}</span>
      </>
    );
  }
  return (
    <>
      <span className="station__name">
        {place.value}
        <span className="station__city">{text.place.city}</span>
      </span>
      <span className="station__aside">{language === 'zh' ? text.place.city_all(suggestion.stationCount) : `${suggestion.cityEn} · ${text.place.city_all(suggestion.stationCount)}`}</span>
    </>
  );
}
