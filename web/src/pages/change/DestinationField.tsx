import { useState } from 'react';
import { StationField } from '../../components/StationField.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { ChosenPlace } from '../search/place.ts';

/** The place the new ride goes to. While another one is typed the old search stays on the page. */
export function DestinationField({ place, onChoose }: { place: ChosenPlace | undefined; onChoose: (place: ChosenPlace) => void }) {
  const text = useText();
  const [typing, setTyping] = useState(false);
  const choose = (chosen: ChosenPlace | undefined): void => {
    setTyping(chosen === undefined);
    if (chosen !== undefined) onChoose(chosen);
  };
  return <StationField name="change-to" label={text.place.to} place={typing ? undefined : place} onChoose={choose} />;
}
