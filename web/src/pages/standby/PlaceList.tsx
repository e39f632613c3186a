import type { StandbyPlace, StandbyWish } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { OddsBar } from './OddsPicture.tsx';
import { RideLine } from './RideLine.tsx';
import { rideOf } from './ride.ts';
import type { Stretch } from './ride.ts';

/** Every ride of a request with who is ahead and the odds; `over`: nobody waits any more. */
export function PlaceList({ places, runs, over = false }: { places: readonly StandbyPlace[]; runs: ReadonlyMap<string, TrainRun>; over?: boolean }) {
  const text = useText();
  return (
    <ol className="places">
      {places.map(({ wish, requestsAhead, passengersAhead, odds }) => {
        const stretch = stretchOf(wish);
        return (
          <li key={`${stretch.run_id} ${stretch.from_station_id} ${stretch.to_station_id} ${wish?.seatClasses.join()}`} className="places__one" data-testid="place-of-wish" data-ahead={requestsAhead}>
            <RideLine journey={rideOf(runs.get(stretch.run_id), stretch)} seat_classes={wish?.seatClasses} accept_change={wish?.acceptSameTrainChange} />
            {!over && (
              <div className="places__standing">
                <span className="places__ahead">{text.standby.ahead(requestsAhead, passengersAhead)}</span>
                <OddsBar odds={odds} />
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

export function stretchOf(wish: StandbyWish | undefined): Stretch {
  return { run_id: wish?.runId ?? '', from_station_id: wish?.fromStationId ?? '', to_station_id: wish?.toStationId ?? '' };
}
