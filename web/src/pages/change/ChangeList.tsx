import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Link } from 'react-router';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useNow } from '../../app/use_now.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { clockTime, countdown, dayOf, shortDate } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/change.css';
import { changePath } from './change_path.ts';
import { dueOf, dueWords } from './figures.ts';
import { stageKey } from './progress.ts';
import { useChanges } from './use_change.ts';

/** All changes of an order and how far each is; only an order with tickets has any. */
export function ChangeList({ order }: { order: Order }) {
  return order.items.some(({ ticketId }) => ticketId !== '') ? <Changes order={order} /> : null;
}

function Changes({ order }: { order: Order }) {
  const text = useText();
  const { value, error } = useChanges(order.orderId, order.items.map(({ version }) => version).join());
  if (error === undefined && (value === undefined || value.length === 0)) return null;
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">{text.change.list.title}</h2>
      <ErrorNotice error={error} />
      <ul className="changelist">
        {value?.map((change) => (
          <ChangeLine key={change.changeId} change={change} />
        ))}
      </ul>
    </section>
  );
}

function ChangeLine({ change }: { change: Change }) {
  const text = useText();
  const words = text.change.list;
  const stage = stageKey(change.stage);
  const pays = change.stage === ChangeStage.AWAIT_PAY;
  const departure = change.newJourney?.departureTime;
  return (
    <li className="panel changelist__one" data-testid="change-line" data-stage={stage}>
      <div>
        <p>
          <b>{words.to(change.newJourney?.trainNo ?? '', departure === undefined ? '' : shortDate(dayOf(departure), text), clockTime(departure))}</b>
        </p>
        <p className="quote__rule">
          {text.common.from_to(change.newJourney?.fromStationName ?? '', change.newJourney?.toStationName ?? '')}
          {change.quote !== undefined && change.stage !== ChangeStage.CANCELLED && ` · ${dueWords(dueOf(change.quote), text, change.stage === ChangeStage.DONE)}`}
        </p>
      </div>
      <div className="changelist__state">
        <span className={`tag tag--${TAGS[stage]}`} role="status">
          {words.stages[stage]}
        </span>
        {pays && change.payExpireTime !== undefined && <Left until_ms={timestampMs(change.payExpireTime)} />}
        <Link className={pays ? 'button button--primary button--small' : 'button button--small'} to={changePath(change)} data-testid="see-change">
          {pays ? words.pay : words.see}
        </Link>
      </div>
    </li>
  );
}

function Left({ until_ms }: { until_ms: number }) {
  const text = useText();
  return <span className="quote__rule">{text.change.list.left(countdown(until_ms - useNow()))}</span>;
}

/** Colours of states of orders that say the same. */
const TAGS = { locked: 'change', await_pay: 'wait_pay', pivoted: 'change', done: 'success', cancelled: 'closed' } as const;
