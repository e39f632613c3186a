import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';

const STEPS = [
  { state: OrderState.WAIT_PAY, key: 'wait_pay' },
  { state: OrderState.PAID, key: 'paid' },
  { state: OrderState.TICKETING, key: 'ticketing' },
  { state: OrderState.SUCCESS, key: 'success' },
] as const;

/** The way of an order drawn as stations of a line. A closed, failed or refunded order has left it: nothing is drawn. */
export function OrderSteps({ state }: { state: OrderState }) {
  const text = useText();
  const reached = STEPS.findIndex((step) => step.state === state);
  if (reached < 0) return null;
  return (
    <ol className="steps" data-testid="steps">
      {STEPS.map(({ key }, index) => {
        const done = index < reached || state === OrderState.SUCCESS;
        return (
          <li key={key} className="steps__one" data-done={done} aria-current={index === reached ? 'step' : undefined}>
            <span className="steps__stop">{done && <Icon name="check" />}</span>
            <span className="steps__name">{text.order.states[key]}</span>
          </li>
        );
      })}
    </ol>
  );
}
