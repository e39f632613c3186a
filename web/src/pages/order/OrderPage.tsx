import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dateAndTime, shortFen } from '../../i18n/format.ts';
import { closeReasonLabel, orderStateKey } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import { ChangeButton } from '../change/ChangeButton.tsx';
import { ChangeList } from '../change/ChangeList.tsx';
import { wentToPay } from '../pay/paying.ts';
import { OpenUpgrades } from '../standby/OpenUpgrades.tsx';
import { allRefunded } from './all_refunded.ts';
import { CancelButton } from './CancelButton.tsx';
import { ItemList } from './ItemList.tsx';
import { journeyGroups, totalFen } from './journey_groups.ts';
import { OrderSteps } from './OrderSteps.tsx';
import { RefundList } from './RefundList.tsx';
import { RefundPanel } from './RefundPanel.tsx';
import { RunNotice } from './RunNotice.tsx';
import { Tickets } from './Tickets.tsx';
import { useOrder } from './use_order.ts';

export default function OrderPage() {
  const { order_id = '' } = useParams();
  return <OrderView order_id={order_id} key={order_id} />;
}

function OrderView({ order_id }: { order_id: string }) {
  const text = useText();
  const [turn, setTurn] = useState(0);
  const [refunding, setRefunding] = useState<string[]>([]);
  const watched = useOrder(order_id, turn, refunding);
  const [shown, setShown] = useState<Order>();
  if (watched.value !== undefined && watched.value !== shown) setShown(watched.value);
  const order = watched.value ?? shown;
  // What waits to be paid comes first.
  const changing = order?.items.some(({ state }) => state === OrderState.CHANGE) === true;
  const again = (): void => setTurn(turn + 1);
  const onRefunded = (item_ids: string[]): void => {
    setRefunding(item_ids);
    again();
  };
  return (
    <div className="page page--narrow orderpage">
      <title>{`${text.order.title} ${order_id} · ${text.brand.name}`}</title>
      <h1>{text.order.title}</h1>
      <ErrorNotice error={watched.error} onRetry={again} />
      {order === undefined && watched.error === undefined && <Skeleton rows={5} />}
      {order !== undefined && (
        <div data-testid="order-state" data-state={orderStateKey(order.state)}>
          <Status order={order} />
          <RunNotice order={order} />
          {changing && <ChangeList order={order} />}
          <OpenUpgrades order={order} onMoved={again} />
          <Tickets order={order} />
          <section className="panel">
            {journeyGroups(order).map(({ key, journey, change, items }) => (
              <div key={key} className="travel">
                {journey !== undefined && <JourneyHead journey={journey} change={change} />}
                <ItemList items={items} />
              </div>
            ))}
            <dl className="facts facts--line">
              <dt>{text.order.number}</dt>
              <dd>{order.orderId}</dd>
              <dt>{text.order.created}</dt>
              <dd>{order.createTime === undefined ? '' : dateAndTime(order.createTime)}</dd>
              <dt>{text.order.total}</dt>
              <dd className="facts__amount">{shortFen(totalFen(order))}</dd>
            </dl>
            {order.state === OrderState.WAIT_PAY && <PayActions order={order} onCancelled={again} />}
          </section>
          <RefundList order={order} refunding={refunding} />
          {!changing && <ChangeList order={order} />}
          <div className="actions">
            <ChangeButton order={order} />
            <RefundPanel order={order} onRefunded={onRefunded} />
          </div>
        </div>
      )}
    </div>
  );
}

function Status({ order }: { order: Order }) {
  const text = useText();
  const key = orderStateKey(order.state);
  const because = order.state === OrderState.CLOSED ? order.items.map(({ closeReason }) => closeReasonLabel(closeReason, text)).find((words) => words !== undefined) : undefined;
  return (
    <section className="orderstatus" aria-label={text.order.timeline}>
      <OrderSteps state={order.state} />
      <p className="orderstatus__words" role="status">
        <strong>{allRefunded(order) ? text.order.refunded : text.order.states[key]}</strong> {because ?? text.order.hints[key] ?? ''}
      </p>
    </section>
  );
}

function PayActions({ order, onCancelled }: { order: Order; onCancelled: () => void }) {
  const text = useText();
  return (
    <div className="actions">
      {wentToPay(sessionStorage, order.orderId) && (
        <p className="notice" role="status" data-testid="confirming-payment">
          {text.order.confirming_payment}
        </p>
      )}
      <Link className="button button--primary" to={`/orders/${order.orderId}/pay`} data-testid="to-pay">
        {text.order.pay}
      </Link>
      <CancelButton order={order} onCancelled={onCancelled} />
    </div>
  );
}
