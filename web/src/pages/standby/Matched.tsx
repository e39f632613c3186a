import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Link } from 'react-router';
import { StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { price } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { ItemList } from '../order/ItemList.tsx';
import { Countdown } from '../pay/Countdown.tsx';

/** The order that a match has become: while it waits for payment with the time that is left, afterwards as the way to the ticket. */
export function Matched({ standby }: { standby: Standby }) {
  const unpaid = standby.state === StandbyState.AWAIT_PAY;
  const done = standby.state === StandbyState.SUCCESS;
  return standby.orderId !== '' && (unpaid || done) ? <MatchedOrder order_id={standby.orderId} unpaid={unpaid} /> : null;
}

function MatchedOrder({ order_id, unpaid }: { order_id: string; unpaid: boolean }) {
  const text = useText();
  const api = useApi();
  const { value, error, reload } = useLoad(`order ${order_id}`, async (signal) => (await api.order.getOrder({ orderId: order_id }, { signal })).order);
  return (
    <section data-testid="matched" data-order={order_id}>
      <ErrorNotice error={error} onRetry={reload} />
      {unpaid && value?.payExpireTime !== undefined && <Countdown until_ms={timestampMs(value.payExpireTime)} />}
      <div className="panel">
        <h2 className="panel__title">{text.standby.matched}</h2>
        {value?.journey !== undefined && <JourneyHead journey={value.journey} />}
        {value !== undefined && <ItemList items={value.items} />}
        <div className="actions">
          {unpaid ? (
            <Link className="button button--primary" to={`/orders/${order_id}/pay`} data-testid="standby-pay">
              {value === undefined ? text.order.pay : text.pay.go(price(value.total))}
            </Link>
          ) : (
            <Link className="button button--primary" to={`/orders/${order_id}`} data-testid="standby-order">
              {text.standby.to_ticket}
            </Link>
          )}
        </div>
      </div>
    </section>
  );
}
