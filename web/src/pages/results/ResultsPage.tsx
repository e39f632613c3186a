import { useState } from 'react';
import { Link, Navigate, useSearchParams } from 'react-router';
import { useToday } from '../../app/use_now.ts';
import { Arrow } from '../../components/Arrow.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { fullDate } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/results.css';
import '../../styles/search.css';
import { wishFromSearch, wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { SearchForm } from '../search/SearchForm.tsx';
import { DateStrip } from './DateStrip.tsx';
import { DirectTrains } from './DirectTrains.tsx';
import { Transfers } from './Transfers.tsx';

export default function ResultsPage() {
  const [search, setSearch] = useSearchParams();
  const wish = wishFromSearch(search);
  if (wish === undefined) return <Navigate to="/" replace />;
  const onDate = (date: string): void => setSearch(wishToSearch({ ...wish, date }), { replace: true });
  return <Results wish={wish} onDate={onDate} key={wishToSearch({ ...wish, date: '' })} />;
}

function Results({ wish, onDate }: { wish: JourneyWish; onDate: (date: string) => void }) {
  const text = useText();
  const today = useToday();
  return (
    <div className="page results">
      <title>{`${text.common.from_to(wish.from.name, wish.to.name)} · ${text.brand.name}`}</title>
      <ResultsHead wish={wish} />
      <DateStrip date={wish.date} today={today} onChoose={onDate} />
      <Kinds wish={wish} />
      {wish.transfers === true ? <Transfers wish={wish} /> : <DirectTrains wish={wish} />}
    </div>
  );
}

/** Direct trains, or journeys with a change. */
function Kinds({ wish }: { wish: JourneyWish }) {
  const text = useText();
  const is_transfers = wish.transfers === true;
  return (
    <nav className="kinds" aria-label={text.results.kinds}>
      <Link className="kinds__kind" to={`/trains?${wishToSearch({ ...wish, transfers: false })}`} replace aria-current={is_transfers ? undefined : 'page'} data-testid="kind-direct">
        {text.results.direct}
      </Link>
      <Link className="kinds__kind" to={`/trains?${wishToSearch({ ...wish, transfers: true })}`} replace aria-current={is_transfers ? 'page' : undefined} data-testid="kind-transfers">
        {text.results.transfers}
      </Link>
    </nav>
  );
}

function ResultsHead({ wish }: { wish: JourneyWish }) {
  const text = useText();
  const [editing, setEditing] = useState(false);
  return (
    <div className="results__head">
      <h1 className="results__title">
        {wish.from.name}
        <Arrow />
        <span className="visually-hidden">{text.place.to}</span>
        {wish.to.name}
      </h1>
      <p className="results__date">{fullDate(wish.date, text)}</p>
      <button type="button" className="button button--small" onClick={() => setEditing(true)} data-testid="edit-search">
        {text.results.edit}
      </button>
      {editing && (
        <Dialog title={text.results.edit} onClose={() => setEditing(false)}>
          <SearchForm initial={wish} onDone={() => setEditing(false)} />
        </Dialog>
      )}
    </div>
  );
}
