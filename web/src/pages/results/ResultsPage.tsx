import { useState } from 'react';
import { Navigate, useSearchParams } from 'react-router';
import { useToday } from '../../app/use_now.ts';
import { Arrow } from '../../components/Arrow.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { fullDate } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/results.css';
import '../../styles/search.css';
import { wishFromSearch, wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { SearchForm } from '../search/SearchForm.tsx';
import { DateStrip } from './DateStrip.tsx';
import { FilterPanel } from './FilterPanel.tsx';
import { HIGH_SPEED, NO_FILTER, arrange } from './filter.ts';
import type { Filter, Sort } from './filter.ts';
import { TrainCard } from './TrainCard.tsx';
import { offerKey, useOffers } from './use_offers.ts';

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
  const [filter, setFilter] = useState<Filter>({ ...NO_FILTER, train_types: wish.only_high_speed ? HIGH_SPEED : [] });
  const [sort, setSort] = useState<Sort>('departure');
  const { value, error, loading, reload } = useOffers(wish);
  const shown = value === undefined ? [] : arrange(value.offers, filter, sort);
  return (
    <div className="page results">
      <title>{`${text.common.from_to(wish.from.name, wish.to.name)} · ${text.brand.name}`}</title>
      <ResultsHead wish={wish} />
      <DateStrip date={wish.date} today={today} onChoose={onDate} />
      <div className="results__body">
        <FilterPanel offers={value?.offers ?? []} filter={filter} sort={sort} onFilter={setFilter} onSort={setSort} />
        <section className="results__list" aria-busy={loading} aria-label={text.results.title}>
          <p className="results__count" role="status">
            {value !== undefined && text.results.count(shown.length)}
            {value !== undefined && !value.stale && <span className="live-dot">{text.results.updated}</span>}
          </p>
          {value?.stale === true && <p className="notice" data-testid="degraded">{text.common.degraded}</p>}
          <ErrorNotice error={error} onRetry={reload} />
          {loading && value === undefined && <Skeleton rows={5} tall />}
          {value?.offers.length === 0 && <Empty title={text.results.empty} hint={text.results.empty_hint} />}
          {value !== undefined && value.offers.length > 0 && shown.length === 0 && (
            <Empty title={text.results.filtered_out}>
              <button type="button" className="button" onClick={() => setFilter(NO_FILTER)}>
                {text.results.reset}
              </button>
            </Empty>
          )}
          <ol className="trains">
            {shown.map((offer) => (
              <TrainCard key={offerKey(offer)} offer={offer} student={wish.student} />
            ))}
          </ol>
        </section>
      </div>
    </div>
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
