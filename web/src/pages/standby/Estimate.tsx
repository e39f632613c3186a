import { useState } from 'react';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { EstimateStandbyResponse } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { peopleOf } from './basket.ts';
import type { Basket } from './basket.ts';
import { oddsPercent, oddsWord } from './odds.ts';
import { OddsPicture } from './OddsPicture.tsx';
import { toWishes } from './pending.ts';
import { PlaceList } from './PlaceList.tsx';
import { StandbyError } from './StandbyError.tsx';
import { useWords } from './use_words.ts';

type Props = { basket: Basket; /** Undefined while it is not known when the trains leave. */ deadline_ms: number | undefined; runs: ReadonlyMap<string, TrainRun> };

/** Place and odds before one asks: of each ride and of all together. The last answer stays in sight while another is on its way. */
export function Estimate({ basket, deadline_ms, runs }: Props) {
  const text = useText();
  const { standby } = useApi();
  const count = Math.max(1, peopleOf(basket));
  const wishes = toWishes(basket.wishes);
  const deadline = deadline_ms === undefined ? undefined : timestampFromMs(deadline_ms);
  const { value, error, reload } = useLoad(JSON.stringify([basket.wishes, count, deadline_ms]), (signal) => standby.estimateStandby({ wishes, passengerCount: count, deadline }, { signal }));
  const [shown, setShown] = useState<EstimateStandbyResponse>();
  if (value !== undefined && value !== shown) setShown(value);
  const estimate = value ?? shown;
  const announced = useWords(estimate === undefined ? '' : `${text.standby.odds} ${text.standby.percent(oddsPercent(estimate.odds))}, ${text.standby.odds_words[oddsWord(estimate.odds)]}`);
  return (
    <section className="estimate" aria-label={text.standby.estimate} aria-busy={value === undefined && error === undefined} data-testid="estimate">
      <h2 className="estimate__title">{text.standby.estimate}</h2>
      <p className="visually-hidden" role="status">
        {announced}
      </p>
      <StandbyError error={error} wishes={basket.wishes} onRetry={reload} />
      {error === undefined && estimate === undefined && <Skeleton rows={2} />}
      {error === undefined && estimate !== undefined && (
        <>
          <OddsPicture odds={estimate.odds} label={estimate.places.length > 1 ? text.standby.odds_any : text.standby.odds} />
          {estimate.places.length > 1 && <PlaceList places={estimate.places} runs={runs} />}
          {estimate.places.length === 1 && <p className="estimate__ahead">{text.standby.ahead(estimate.places[0]!.requestsAhead, estimate.places[0]!.passengersAhead)}</p>}
          {peopleOf(basket) === 0 && <p className="estimate__note">{text.standby.estimate_one}</p>}
        </>
      )}
      <p className="estimate__note">{text.standby.honest}</p>
    </section>
  );
}
