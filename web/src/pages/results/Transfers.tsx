import { useState } from 'react';
import { Empty } from '../../components/Empty.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { JourneyWish } from '../search/journey_wish.ts';
import { FilterPanel } from './FilterPanel.tsx';
import { HIGH_SPEED, NO_FILTER, conditionsOf } from './filter.ts';
import type { Filter, Sort } from './filter.ts';
import { SearchError } from './SearchError.tsx';
import { StudentNote } from './StudentNote.tsx';
import { TransferCard } from './TransferCard.tsx';
import { useTransfers } from './use_transfers.ts';

/** Who changes trains asks when one arrives, how long it takes and what it costs. */
const SORTS: Sort[] = ['arrival', 'duration', 'price'];

/** Journeys with one change of train. */
export function Transfers({ wish }: { wish: JourneyWish }) {
  const text = useText();
  const [filter, setFilter] = useState<Filter>({ ...NO_FILTER, train_types: wish.only_high_speed ? HIGH_SPEED : [] });
  const [sort, setSort] = useState<Sort>('arrival');
  const { items, error, loading, reload, more } = useTransfers(wish, filter, sort);
  const legs = (items ?? []).flatMap((transfer) => transfer.legs);
  return (
    <div className="results__body">
      <FilterPanel ends={endsOf(items ?? [])} offers={legs} filter={filter} sort={sort} sorts={SORTS} onFilter={setFilter} onSort={setSort} />
      <section className="results__list" aria-busy={loading} aria-label={text.results.transfers}>
        <p className="results__count" role="status">
          {items !== undefined && text.results.transfers_count(items.length, more !== undefined)}
        </p>
        <p className="notice">{text.results.transfers_note}</p>
        {wish.student && <StudentNote offers={legs} />}
        <SearchError error={error} onRetry={reload} wish={wish} />
        {loading && items === undefined && <Skeleton rows={4} tall />}
        {items?.length === 0 && !loading && (
          <Empty title={conditionsOf(filter) > 0 ? text.results.transfers_filtered_out : text.results.transfers_empty} hint={text.results.transfers_empty_hint}>
            {conditionsOf(filter) > 0 && (
              <button type="button" className="button" onClick={() => setFilter(NO_FILTER)}>
                {text.results.reset}
              </button>
            )}
          </Empty>
        )}
        <ol className="transfers">
          {items?.map((transfer) => (
            <TransferCard key={transfer.legs.map(({ journey }) => `${journey?.runId}/${journey?.fromIndex}`).join(' ')} transfer={transfer} student={wish.student} />
          ))}
        </ol>
        {more !== undefined && (
          <button type="button" className="button" onClick={more} disabled={loading} data-testid="more">
            {text.common.more}
          </button>
        )}
      </section>
    </div>
  );
}

/** The stations where journeys begin and end, which are not those of every leg. */
function endsOf(transfers: NonNullable<ReturnType<typeof useTransfers>['items']>) {
  return { from: transfers.flatMap(({ legs }) => legs.slice(0, 1)), to: transfers.flatMap(({ legs }) => legs.slice(-1)) };
}
