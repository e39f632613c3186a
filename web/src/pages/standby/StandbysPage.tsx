import { Link } from 'react-router';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { usePages } from '../../app/use_pages.ts';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dateAndTime } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import '../../styles/standby.css';
import { OrderTabs } from '../orders/OrderTabs.tsx';
import { OddsBar } from './OddsPicture.tsx';
import { stretchOf } from './PlaceList.tsx';
import { isWaiting, stateKey } from './progress.ts';
import { rideOf } from './ride.ts';
import { RideLine } from './RideLine.tsx';
import { useRuns } from './use_runs.ts';

export default function StandbysPage() {
  const text = useText();
  const { standby } = useApi();
  const pages = usePages('standbys', async (pageToken, signal) => {
    const answer = await standby.listStandbys({ pageSize: PAGE_SIZE, pageToken }, { signal });
    return { items: answer.standbys, next: answer.nextPageToken };
  });
  const runs = useRuns((pages.items ?? []).map(({ places }) => stretchOf(places[0]?.wish).run_id));
  return (
    <div className="page page--narrow">
      <title>{`${text.standby.list_title} · ${text.brand.name}`}</title>
      <h1>{text.standby.list_title}</h1>
      <OrderTabs />
      <ErrorNotice error={pages.error} onRetry={pages.reload} />
      {pages.loading && pages.items === undefined && <Skeleton rows={3} tall />}
      {pages.items?.length === 0 && (
        <Empty title={text.standby.empty} hint={text.standby.empty_hint}>
          <Link className="button button--primary" to="/">
            {text.nav.book}
          </Link>
        </Empty>
      )}
      <ol className="orders">{pages.items?.map((one) => <StandbyLine key={one.standbyId} standby={one} runs={runs} />)}</ol>
      {pages.more !== undefined && (
        <button type="button" className="button" onClick={pages.more}>
          {text.common.more}
        </button>
      )}
    </div>
  );
}

/** The first ride stands for all; of the places that is shown which has the best odds. */
function StandbyLine({ standby, runs }: { standby: Standby; runs: ReadonlyMap<string, TrainRun> }) {
  const text = useText();
  const [first] = standby.places;
  const best = standby.places.toSorted((one, other) => other.odds - one.odds)[0];
  const stretch = stretchOf(first?.wish);
  const facts = [standby.places.length > 1 && text.standby.rides(standby.places.length), text.standby.people(standby.passengerIds.length), isWaiting(standby) && text.standby.until_short(dateAndTime(standby.deadline))];
  return (
    <li className="orderline" data-testid="standby-line" data-standby={standby.standbyId}>
      <Link className="orderline__link" to={`/standbys/${standby.standbyId}`}>
        <span className="orderline__head">
          <span className="orderline__number">{text.standby.asked(dateAndTime(standby.createTime))}</span>
          <StandbyTag standby={standby} />
        </span>
        <RideLine journey={rideOf(runs.get(stretch.run_id), stretch)} seat_classes={first?.wish?.seatClasses} accept_change={first?.wish?.acceptSameTrainChange} />
        {standby.upgradeOfOrderId !== '' && <span className="tag">{text.standby.upgrade_short}</span>}
        <span className="orderline__foot">
          <span>{facts.filter(Boolean).join(' · ')}</span>
          {isWaiting(standby) && best !== undefined && <OddsBar odds={best.odds} />}
        </span>
      </Link>
    </li>
  );
}

export function StandbyTag({ standby }: { standby: Standby }) {
  const text = useText();
  const key = stateKey(standby.state);
  return (
    <span className={`tag tag--standby-${key}`} data-testid="state" data-state={key}>
      {text.standby.states[key]}
    </span>
  );
}

/** Each asks for its train's times besides. */
const PAGE_SIZE = 10;
