import { Link } from 'react-router';
import type { ApiError } from '../../api/errors.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { fromCandidates, writePlace } from '../search/place.ts';

/** What went wrong with a search; where a name was not understood, the places it may have meant. */
export function SearchError({ error, onRetry, wish }: { error: ApiError | undefined; onRetry: () => void; wish: JourneyWish }) {
  const text = useText();
  const field = error?.metadata['field'];
  const candidates = field === 'from' || field === 'to' ? fromCandidates(error?.metadata['candidates'] ?? '') : [];
  return (
    // The same name is never understood the second time.
    <ErrorNotice error={error} onRetry={candidates.length > 0 ? undefined : onRetry}>
      {candidates.length > 0 && (
        <ul className="candidates">
          <li>{text.place.meant}</li>
          {candidates.map((place) => (
            <li key={writePlace(place)}>
              <Link className="button button--small" to={`/trains?${wishToSearch(field === 'from' ? { ...wish, from: place } : { ...wish, to: place })}`} replace data-testid="candidate">
                {place.name}
                {place.station_id === undefined && <span className="station__city">{text.place.city}</span>}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </ErrorNotice>
  );
}
