import type { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { orderStateKey } from '../i18n/labels.ts';
import { useText } from '../i18n/LanguageProvider.tsx';

/** The state of an order or of one of its items, in a word. */
export function StateTag({ state }: { state: OrderState }) {
  const text = useText();
  const key = orderStateKey(state);
  return (
    <span className={`tag tag--${key}`} data-testid="state" data-state={key}>
      {text.order.states[key]}
    </span>
  );
}
