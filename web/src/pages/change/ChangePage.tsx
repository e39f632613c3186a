import { useEffect, useEffectEvent, useRef } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import '../../styles/change.css';
import { useOrder } from '../order/use_order.ts';
import { changePath } from './change_path.ts';
import { ChangeSteps } from './ChangeSteps.tsx';
import { planFromSearch, planPath } from './plan.ts';
import type { Plan } from './plan.ts';
import type { ChangeStep } from './progress.ts';
import { QuoteStep } from './QuoteStep.tsx';
import { RideStep } from './RideStep.tsx';
import { SendingStep } from './SendingStep.tsx';
import { TicketStep } from './TicketStep.tsx';
import { useSending } from './use_sending.ts';

/** From the choice of tickets to a change that is accepted. What was chosen stands in the address, what was sent is kept by the tab. */
export default function ChangePage() {
  const text = useText();
  const { order_id = '' } = useParams();
  const [search] = useSearchParams();
  const { value: order, error } = useOrder(order_id);
  // Only trains need the whole width.
  const wide = planFromSearch(search).step === 'ride';
  return (
    <div className={wide ? 'page changepage' : 'page page--narrow changepage'}>
      <title>{`${text.change.title} · ${text.brand.name}`}</title>
      <p className="changepage__back">
        <Link to={`/orders/${order_id}`} data-testid="back-to-order">
          {text.change.back_to_order}
        </Link>
      </p>
      <h1>{text.change.title}</h1>
      <ErrorNotice error={error} />
      {order === undefined && error === undefined && <Skeleton rows={5} />}
      {order !== undefined && <Steps order={order} key={order_id} />}
    </div>
  );
}

function Steps({ order }: { order: Order }) {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const plan = planFromSearch(search);
  const go = (part: Partial<Plan>, replace = false): void => void navigate(planPath(order.orderId, { ...plan, ...part }), { replace });
  const sending = useSending(order.orderId, {
    accepted: (change) => void navigate(changePath(change), { replace: true }),
    // What was sent before a reload, or from another step, is what the refusal is about.
    refused: ({ item_ids, ride }) => go({ item_ids, ride, step: 'quote' }, true),
  });
  const shown: ChangeStep = sending.sent === undefined ? plan.step : 'quote';
  const moved = useRef(false);
  useEffect(() => {
    moved.current = true;
  }, []);
  // Whoever goes back to choose anew has read what was refused.
  const at_quote = plan.step === 'quote';
  const clear = useEffectEvent(sending.clearRefused);
  useEffect(() => {
    if (at_quote) return () => clear();
  }, [at_quote]);
  const back = (step: ChangeStep): string | undefined => (step === 'tickets' || step === 'ride' ? planPath(order.orderId, { ...plan, step }) : undefined);
  return (
    <>
      <ChangeSteps now={shown} pathOf={sending.sent === undefined ? back : undefined} />
      {sending.sent !== undefined && <SendingStep sending={sending} moved={moved} />}
      {sending.sent === undefined && plan.step === 'tickets' && <TicketStep order={order} plan={plan} onPlan={go} moved={moved} />}
      {sending.sent === undefined && plan.step === 'ride' && <RideStep order={order} plan={plan} onPlan={go} moved={moved} />}
      {sending.sent === undefined && plan.step === 'quote' && plan.ride !== undefined && <QuoteStep order={order} plan={{ ...plan, ride: plan.ride }} sending={sending} moved={moved} />}
    </>
  );
}
