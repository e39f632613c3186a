import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/order.css';
import '../../styles/change.css';
import { useOrder } from '../order/use_order.ts';
import { ChangeDone } from './ChangeDone.tsx';
import { ChangeSteps } from './ChangeSteps.tsx';
import { GivenUp } from './GivenUp.tsx';
import { NewSeats } from './NewSeats.tsx';
import { PayDifference } from './PayDifference.tsx';
import { stageKey, stepOfStage } from './progress.ts';
import { QuoteFigures } from './QuoteFigures.tsx';
import { SwappedTickets } from './SwappedTickets.tsx';
import { useChange } from './use_change.ts';

/** A change that was accepted: what is to be paid, and how it ends. */
export default function ChangeProgressPage() {
  const { order_id = '', change_id = '' } = useParams();
  return <Progress order_id={order_id} change_id={change_id} key={change_id} />;
}

function Progress({ order_id, change_id }: { order_id: string; change_id: string }) {
  const text = useText();
  const [turn, setTurn] = useState(0);
  const watched = useChange(change_id, turn);
  const [shown, setShown] = useState<Change>();
  if (watched.value !== undefined && watched.value !== shown) setShown(watched.value);
  const change = watched.value ?? shown;
  // Each stage may be another state of the order: it is followed anew.
  const { value: order } = useOrder(order_id, change?.stage ?? 0);
  const [last, setLast] = useState<Order>();
  if (order !== undefined && order !== last) setLast(order);
  const again = (): void => setTurn(turn + 1);
  return (
    <div className="page page--narrow changepage">
      <title>{`${text.change.title} · ${text.brand.name}`}</title>
      <p className="changepage__back">
        <Link to={`/orders/${order_id}`} data-testid="back-to-order">
          {text.change.back_to_order}
        </Link>
      </p>
      <h1>{text.change.title}</h1>
      <ErrorNotice error={watched.error} onRetry={again} />
      {change === undefined && watched.error === undefined && <Skeleton rows={5} />}
      {change !== undefined && (
        <div data-testid="change-state" data-stage={stageKey(change.stage)}>
          <Stage change={change} order={order ?? last} onMoved={again} />
        </div>
      )}
    </div>
  );
}

function Stage({ change, order, onMoved }: { change: Change; order: Order | undefined; onMoved: () => void }) {
  const text = useText();
  const step = stepOfStage(change.stage);
  const words = text.change;
  return (
    <>
      {step !== undefined && <ChangeSteps now={step} finished={change.stage === ChangeStage.DONE} />}
      <div role="status">
        {change.stage === ChangeStage.LOCKED && <p className="notice">{words.pay.locked}</p>}
        {change.stage === ChangeStage.PIVOTED && (
          <p className="orderstatus__words">
            <strong>{words.pivoted.title}</strong> {words.pivoted.body}
          </p>
        )}
        {change.stage === ChangeStage.DONE && <ChangeDone change={change} />}
        {change.stage === ChangeStage.CANCELLED && <GivenUp change={change} order={order} />}
      </div>
      {change.stage === ChangeStage.AWAIT_PAY && <PayDifference change={change} onMoved={onMoved} />}
      {change.stage === ChangeStage.DONE && order !== undefined && <SwappedTickets change={change} order={order} />}
      {change.stage !== ChangeStage.CANCELLED && (
        <section className="panel" aria-label={words.new_ride}>
          <p className="quote__rule">{words.new_ride}</p>
          {change.newJourney !== undefined && <JourneyHead journey={change.newJourney} />}
          <NewSeats change={change} items={order?.items ?? []} />
          {change.quote !== undefined && <QuoteFigures quote={change.quote} items={order?.items ?? []} done={change.stage === ChangeStage.DONE} />}
        </section>
      )}
    </>
  );
}
