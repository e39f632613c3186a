import { useState } from 'react';
import { Link } from 'react-router';
import { CloseReason, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { usePages } from '../../app/use_pages.ts';
import { Choice } from '../../components/Choice.tsx';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { StateTag } from '../../components/StateTag.tsx';
import { shortFen } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import { allRefunded } from '../order/all_refunded.ts';
import { journeyGroups, totalFen } from '../order/journey_groups.ts';
import { OrderTabs } from './OrderTabs.tsx';

const FILTERS = {
  all: [],
  unpaid: [OrderState.WAIT_PAY],
  upcoming: [OrderState.PAID, OrderState.TICKETING, OrderState.SUCCESS, OrderState.CHANGE],
  done: [OrderState.CLOSING, OrderState.CLOSED, OrderState.FAIL, OrderState.REFUND],
} satisfies Record<string, OrderState[]>;
type FilterKey = keyof typeof FILTERS;

export default function OrdersPage() {
  const text = useText();
  const [filter, setFilter] = useState<FilterKey>('all');
  const options = (Object.keys(FILTERS) as FilterKey[]).map((value) => ({ value, label: text.order.filters[value] }));
  return (
    <div className="page page--narrow">
      <title>{`${text.order.list_title} · ${text.brand.name}`}</title>
      <h1>{text.order.list_title}</h1>
      <OrderTabs />
      <Choice legend={text.order.list_title} hide_legend name="order-filter" options={options} value={filter} onChoose={setFilter} />
      <OrderList key={filter} states={FILTERS[filter]} />
    </div>
  );
}

function OrderList({ states }: { states: OrderState[] }) {
  const text = useText();
  const { order } = useApi();
  const pages = usePages(`orders ${states.join()}`, async (pageToken, signal) => {
    const answer = await order.listOrders({ pageSize: 20, pageToken, states }, { signal });
    return { items: answer.orders, next: answer.nextPageToken };
  });
  return (
    <>
      <ErrorNotice error={pages.error} onRetry={pages.reload} />
      {pages.loading && pages.items === undefined && <Skeleton rows={3} tall />}
      {pages.items?.length === 0 && (
        <Empty title={text.order.empty} hint={text.order.empty_hint}>
          <Link className="button button--primary" to="/">
            {text.nav.book}
          </Link>
        </Empty>
      )}
      <ol className="orders">{pages.items?.map((one) => <OrderLine key={one.orderId} order={one} />)}</ol>
      {pages.more !== undefined && (
        <button type="button" className="button" onClick={pages.more}>
          {text.common.more}
        </button>
      )}
    </>
  );
}

function OrderLine({ order }: { order: Order }) {
  const text = useText();
  const unpaid = order.state === OrderState.WAIT_PAY;
  return (
    <li className="orderline" data-testid="order" data-order={order.orderId}>
      <Link className="orderline__link" to={unpaid ? `/orders/${order.orderId}/pay` : `/orders/${order.orderId}`}>
        <span className="orderline__head">
          <span className="orderline__number">
            {text.order.number} {order.orderId}
          </span>
          <StateTag state={order.state} close_reason={allRefunded(order) ? CloseReason.REFUNDED : undefined} />
        </span>
        {journeyGroups(order).map(({ key, journey, change }) => journey !== undefined && <JourneyHead key={key} journey={journey} change={change} />)}
        {order.journeyChange?.cancelled === true && <span className="orderline__news">{text.order.change.cancelled_short}</span>}
        <span className="orderline__foot">
          <span>{order.items.map(({ passengerNameMasked }) => passengerNameMasked).join('  ')}</span>
          <span className="orderline__total">{shortFen(totalFen(order))}</span>
        </span>
      </Link>
    </li>
  );
}
