import { use, useState } from 'react';
import { Link } from 'react-router';
import { Empty } from '../../components/Empty.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { FilterPanel } from './FilterPanel.tsx';
import { HIGH_SPEED, NO_FILTER, arrange } from './filter.ts';
import type { Filter, Sort } from './filter.ts';
import { SearchError } from './SearchError.tsx';
import { StudentNote } from './StudentNote.tsx';
import { TrainCard } from './TrainCard.tsx';
import { offerKey } from './offers.ts';
import { RideChoiceContext } from './ride_choice.ts';
import { useOffers } from './use_offers.ts';

/** Direct trains, filtered and sorted here, so that a change of mind costs no question. */
export function DirectTrains({ wish }: { wish: JourneyWish }) {
  const text = useText();
  const [filter, setFilter] = useState<Filter>({ ...NO_FILTER, train_types: wish.only_high_speed ? HIGH_SPEED : [] });
  const [sort, setSort] = useState<Sort>('departure');
  const { transfers } = use(RideChoiceContext);
  const { value, error, loading, reload } = useOffers(wish);
  const shown = value === undefined ? [] : arrange(value.offers, filter, sort);
  return (
    <div className="results__body">
      <FilterPanel offers={value?.offers ?? []} filter={filter} sort={sort} onFilter={setFilter} onSort={setSort} />
      <section className="results__list" aria-busy={loading} aria-label={text.results.title}>
        <p className="results__count" role="status">
          {value !== undefined && text.results.count(shown.length)}
          {value !== undefined && !value.stale && <span className="live-dot">{text.results.updated}</span>}
        </p>
        {value?.stale === true && <p className="notice" data-testid="degraded">{text.common.degraded}</p>}
        {wish.student && value !== undefined && <StudentNote offers={value.offers} />}
        <SearchError error={error} onRetry={reload} wish={wish} />
        {loading && value === undefined && <Skeleton rows={5} tall />}
        {value?.offers.length === 0 && (
          <Empty title={text.results.empty} hint={text.results.empty_hint}>
            {transfers && (
              <Link className="button" to={`/trains?${wishToSearch({ ...wish, transfers: true })}`} replace data-testid="see-transfers">
                {text.results.see_transfers}
              </Link>
            )}
          </Empty>
        )}
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
  );
}
