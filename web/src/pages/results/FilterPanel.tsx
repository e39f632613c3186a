import type { TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import { Check } from '../../components/Choice.tsx';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { Dictionary } from '../../i18n/zh.ts';
import { NO_FILTER, SORTS, WINDOWS, classesOf, conditionsOf, stationsAt, trainTypesOf } from './filter.ts';
import type { Filter, Sort } from './filter.ts';

type Props = { offers: TrainOffer[]; /** Where journeys of several trains begin and end. */ ends?: { from: TrainOffer[]; to: TrainOffer[] }; filter: Filter; sort: Sort; sorts?: Sort[]; onFilter: (filter: Filter) => void; onSort: (sort: Sort) => void };

/** Filters and order: a column beside the trains, or folded above them on a phone. */
export function FilterPanel({ offers, ends = { from: offers, to: offers }, filter, sort, sorts = SORTS, onFilter, onSort }: Props) {
  const text = useText();
  const active = conditionsOf(filter);
  const [from_stations, to_stations] = [stationsAt(ends.from, 'from'), stationsAt(ends.to, 'to')];
  return (
    <div className="filters">
      <div className="filters__bar">
        <label className="filters__sort">
          <span>{text.results.sort}</span>
          <select className="select" value={sort} onChange={(event) => onSort(event.target.value as Sort)} data-testid="sort">
            {sorts.map((key) => (
              <option key={key} value={key}>
                {text.results.sorts[key]}
              </option>
            ))}
          </select>
        </label>
        <Check label={text.results.only_available} checked={filter.only_available} onCheck={(only_available) => onFilter({ ...filter, only_available })} test_id="only-available" />
      </div>
      <details className="filters__more">
        <summary data-testid="filters">
          {text.results.filters}
          {active > 0 && <span className="filters__count">{active}</span>}
        </summary>
        <Group legend={text.results.train_type} options={trainTypesOf(offers)} chosen={filter.train_types} label={(type) => trainTypeLabel(type, text)} onChoose={(train_types) => onFilter({ ...filter, train_types })} />
        <Group legend={text.results.departure} options={WINDOWS} chosen={filter.windows} label={(window) => text.results.windows[window]} onChoose={(windows) => onFilter({ ...filter, windows })} />
        <Group legend={text.results.arrival} options={WINDOWS} chosen={filter.arrival_windows} label={(window) => text.results.windows[window]} onChoose={(arrival_windows) => onFilter({ ...filter, arrival_windows })} />
        {from_stations.size > 1 && <Group legend={text.results.from_station} options={[...from_stations.keys()]} chosen={filter.from_station_ids} label={(id) => from_stations.get(id) ?? id} onChoose={(from_station_ids) => onFilter({ ...filter, from_station_ids })} />}
        {to_stations.size > 1 && <Group legend={text.results.to_station} options={[...to_stations.keys()]} chosen={filter.to_station_ids} label={(id) => to_stations.get(id) ?? id} onChoose={(to_station_ids) => onFilter({ ...filter, to_station_ids })} />}
        <Group legend={text.results.seat_class} options={classesOf(offers)} chosen={filter.seat_classes} label={(seat_class) => seatClassLabel(seat_class, text)} onChoose={(seat_classes) => onFilter({ ...filter, seat_classes })} />
        {active > 0 && (
          <button type="button" className="link" onClick={() => onFilter(NO_FILTER)}>
            {text.results.reset}
          </button>
        )}
      </details>
    </div>
  );
}

type GroupProps<T> = { legend: string; options: T[]; chosen: T[]; label: (option: T) => string; onChoose: (chosen: T[]) => void };

function Group<T extends string | number>({ legend, options, chosen, label, onChoose }: GroupProps<T>) {
  if (options.length === 0) return null;
  return (
    <fieldset className="filters__group">
      <legend>{legend}</legend>
      {options.map((option) => (
        <label key={option} className="chip">
          <input type="checkbox" checked={chosen.includes(option)} onChange={(event) => onChoose(event.target.checked ? [...chosen, option] : chosen.filter((other) => other !== option))} />
          <span>{label(option)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function trainTypeLabel(type: TrainType, text: Dictionary): string {
  const letter = (['G', 'D', 'C', 'Z', 'T', 'K'] as const)[type - 1];
  return letter === undefined ? text.results.types.other : text.results.types[letter];
}
