import { Link, useParams } from 'react-router';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dateAndTime, price } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import '../../styles/standby.css';
import { changePath } from '../change/change_path.ts';
import { OrderTabs } from '../orders/OrderTabs.tsx';
import { CancelStandby } from './CancelStandby.tsx';
import { Matched } from './Matched.tsx';
import { NextSteps } from './NextSteps.tsx';
import { PlaceList, stretchOf } from './PlaceList.tsx';
import { Priorities } from './Priorities.tsx';
import { isOver, isWaiting, mayCancel, stateKey, upgradeKey } from './progress.ts';
import { StandbySteps } from './StandbySteps.tsx';
import { TimeLeft } from './TimeLeft.tsx';
import { useRuns } from './use_runs.ts';
import { useWatchedStandby } from './use_standby.ts';
import { useWords } from './use_words.ts';

export default function StandbyPage() {
  const { standby_id = '' } = useParams();
  return <StandbyView standby_id={standby_id} key={standby_id} />;
}

function StandbyView({ standby_id }: { standby_id: string }) {
  const text = useText();
  const { standby, error, live, again } = useWatchedStandby(standby_id);
  return (
    <div className="page page--narrow standby">
      <title>{`${text.standby.one_title} · ${text.brand.name}`}</title>
      <h1>{text.standby.one_title}</h1>
      <OrderTabs />
      <ErrorNotice error={error} onRetry={again}>
        {error?.kind === 'not_found' && <Link to="/standbys">{text.standby.list_title}</Link>}
      </ErrorNotice>
      {standby === undefined && error === undefined && <Skeleton rows={5} />}
      {standby !== undefined && <StandbyParts standby={standby} live={live} onChanged={again} />}
    </div>
  );
}

function StandbyParts({ standby, live, onChanged }: { standby: Standby; live: boolean | undefined; onChanged: () => void }) {
  const text = useText();
  const runs = useRuns(standby.places.map(({ wish }) => stretchOf(wish).run_id));
  const key = stateKey(standby.state);
  return (
    <div data-testid="standby-state" data-state={key} data-standby={standby.standbyId}>
      <section className="orderstatus" aria-label={text.order.timeline}>
        <StandbySteps standby={standby} />
        <StateWords standby={standby} />
      </section>
      <Upgrade standby={standby} />
      <Matched standby={standby} />
      <NextSteps standby={standby} />
      <section className="panel">
        <h2 className="panel__title">{text.standby.wishes}</h2>
        <PlaceList places={standby.places} runs={runs} over={!isWaiting(standby)} />
        {isWaiting(standby) && <p className="estimate__note">{text.standby.honest_live}</p>}
        <Facts standby={standby} live={live} />
        {isWaiting(standby) && <Priorities own={standby.priority} />}
        {!isOver(standby) && mayCancel(standby) && <CancelStandby standby={standby} onCancelled={onChanged} />}
      </section>
    </div>
  );
}

/** The state in words; what changes while one waits is told to readers of the screen now and then. */
function StateWords({ standby }: { standby: Standby }) {
  const text = useText();
  const key = stateKey(standby.state);
  const announced = useWords(isWaiting(standby) ? standby.places.map(({ requestsAhead, passengersAhead }) => text.standby.ahead(requestsAhead, passengersAhead)).join(text.standby.or) : '');
  return (
    <>
      <p className="orderstatus__words" role="status">
        <strong>{text.standby.states[key]}</strong> {upgradeKey(standby) === undefined ? text.standby.hints[key] : ''}
      </p>
      <p className="visually-hidden" role="status">
        {announced}
      </p>
    </>
  );
}

/** A standby whose success is a change of tickets that are held: what it has become and what is due for it is on the change's own page. */
function Upgrade({ standby }: { standby: Standby }) {
  const text = useText();
  const key = upgradeKey(standby);
  if (key === undefined) return null;
  const { upgradeOfOrderId: orderId, changeId } = standby;
  return (
    <div className="notice notice--standby" role="status" data-testid="standby-upgrade">
      <div className="notice__body">
        <p>{text.standby.upgrade[key]}</p>
        {changeId !== '' && (
          <Link className="button button--small" to={changePath({ orderId, changeId })} data-testid="standby-change">
            {key === 'pay' ? text.standby.upgrade_pay : text.standby.upgrade_see}
          </Link>
        )}
        <Link to={`/orders/${orderId}`}>{text.standby.upgrade_order}</Link>
      </div>
    </div>
  );
}

function Facts({ standby, live }: { standby: Standby; live: boolean | undefined }) {
  const text = useText();
  const { identity } = useApi();
  const people = useLoad('passengers', async (signal) => (await identity.listPassengers({}, { signal })).passengers);
  const names = standby.passengerIds.flatMap((id) => people.value?.find(({ passengerId }) => passengerId === id)?.nameMasked ?? []);
  return (
    <dl className="facts facts--line">
      <dt>{text.standby.passengers}</dt>
      <dd>{names.length === standby.passengerIds.length ? names.join('  ') : text.standby.people(standby.passengerIds.length)}</dd>
      {standby.upgradeOfOrderId !== '' && (
        <>
          <dt>{text.upgrade.limit_short}</dt>
          <dd>{standby.maxDifference === undefined ? text.upgrade.limit_any : price(standby.maxDifference)}</dd>
        </>
      )}
      <dt>{text.standby.deadline_short}</dt>
      <dd>
        {dateAndTime(standby.deadline)}
        {isWaiting(standby) && <TimeLeft until={standby.deadline} />}
      </dd>
      <dt>{text.standby.asked_at}</dt>
      <dd>
        {dateAndTime(standby.createTime)}
        {!isOver(standby) && live !== undefined && <span className={live ? 'standby__live live-dot' : 'standby__live'}>{live ? text.common.live : text.common.polling}</span>}
      </dd>
    </dl>
  );
}
