import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Link } from 'react-router';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import type { ApiError } from '../../api/errors.ts';
import { useNow } from '../../app/use_now.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { adviceOf } from './advice.ts';
import type { Advice } from './advice.ts';
import { GATE_CUT_OFF_MS } from './obstacles.ts';
import { planPath } from './plan.ts';
import type { Plan } from './plan.ts';

type Props = { error: ApiError | undefined; order: Order; plan: Plan; onAgain: () => void };

/** What was refused, by which rule, and the way on from there. */
export function ChangeRefusal({ error, order, plan, onAgain }: Props) {
  const text = useText();
  const now_ms = useNow(OFTEN_ENOUGH_MS);
  const departures = order.items.filter(({ itemId }) => plan.item_ids.includes(itemId)).flatMap(({ journey }) => (journey?.departureTime === undefined ? [] : [timestampMs(journey.departureTime)]));
  const advice = error === undefined ? undefined : adviceOf(error, Math.min(...departures) - GATE_CUT_OFF_MS <= now_ms);
  const words = text.change.advice;
  return (
    <ErrorNotice error={error} onRetry={advice?.go === 'again' ? onAgain : undefined}>
      {advice?.rule !== undefined && <p data-testid="change-refused-rule">{words.rules[advice.rule]}</p>}
      {advice?.at_counter === true && <p>{words.at_counter}</p>}
      {advice !== undefined && <WayOn go={advice.go} order={order} plan={plan} onAgain={onAgain} />}
    </ErrorNotice>
  );
}

function WayOn({ go, order, plan, onAgain }: { go: Advice['go']; order: Order; plan: Plan; onAgain: () => void }) {
  const text = useText();
  const words = text.change.advice;
  if (go === 'again') return null;
  if (go === 'quote') {
    return (
      <button type="button" className="button button--small" onClick={onAgain} data-testid="change-way-on">
        {words.quote}
      </button>
    );
  }
  const path = go === 'order' ? `/orders/${order.orderId}` : planPath(order.orderId, { ...plan, step: go });
  return (
    <Link className="button button--small" to={path} data-testid="change-way-on" data-go={go}>
      {words[go]}
    </Link>
  );
}

const OFTEN_ENOUGH_MS = 10_000;
