import { timestampMs } from '@bufbuild/protobuf/wkt';
import { useState } from 'react';
import { Navigate, useParams } from 'react-router';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { Choice } from '../../components/Choice.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { price } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import { CancelButton } from '../order/CancelButton.tsx';
import { ItemList } from '../order/ItemList.tsx';
import { useOrder } from '../order/use_order.ts';
import { Countdown } from './Countdown.tsx';
import { payUrlOnceOpen } from './open_url.ts';
import { rememberPaying } from './paying.ts';
import { useCashier } from './use_cashier.ts';

export default function PayPage() {
  const text = useText();
  const { order_id = '' } = useParams();
  const { value, error } = useOrder(order_id);
  // Paid meanwhile (in another tab, or just now), cancelled or expired: the order's own page says what happened.
  if (value !== undefined && value.state !== OrderState.WAIT_PAY) return <Navigate to={`/orders/${order_id}`} replace />;
  return (
    <div className="page page--narrow">
      <title>{`${text.pay.title} · ${text.brand.name}`}</title>
      <h1>{text.pay.title}</h1>
      <ErrorNotice error={error} />
      {value === undefined && error === undefined && <Skeleton rows={4} />}
      {value !== undefined && (
        <>
          {value.payExpireTime !== undefined && <Countdown until_ms={timestampMs(value.payExpireTime)} />}
          <section className="panel">
            {value.journey !== undefined && <JourneyHead journey={value.journey} change={value.journeyChange} />}
            <ItemList items={value.items} />
          </section>
          <Checkout order={value} />
        </>
      )}
    </div>
  );
}

function Checkout({ order }: { order: Order }) {
  const text = useText();
  const { payment } = useApi();
  const [channel, setChannel] = useState<string>(CHANNELS[0]);
  const { leaving, bad_url, go } = useCashier();
  const pay = useAction(async (requestId, orderId: string, paymentChannel: string) => {
    const { payment: opened } = await payment.createPayment({ requestId, orderId, paymentChannel, returnPath: `/orders/${orderId}` });
    const url = await payUrlOnceOpen(opened?.payUrl ?? '', async () => (await payment.getPayment({ paymentId: opened?.paymentId ?? '' })).payment?.payUrl ?? '');
    if (go(url)) rememberPaying(sessionStorage, orderId);
  });
  return (
    <section className="panel checkout">
      <Choice legend={text.pay.channel} name="channel" value={channel} onChoose={setChannel} options={CHANNELS.map((value) => ({ value, label: text.pay.channels[value] ?? value }))} />
      <ErrorNotice error={pay.error} />
      {bad_url && <p className="field__problem" role="alert">{text.pay.bad_url}</p>}
      <div className="actions">
        <button type="button" className="button button--primary button--large" disabled={pay.busy || leaving} onClick={() => void pay.run(order.orderId, channel)} data-testid="pay">
          {pay.busy || leaving ? text.pay.opening : text.pay.go(price(order.total))}
        </button>
        <CancelButton order={order} onCancelled={() => {}} />
      </div>
    </section>
  );
}

const CHANNELS = ['alipay', 'wechat'] as const;
