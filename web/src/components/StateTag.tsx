import { CloseReason } from '#gen/rail/order/v1/order_pb.ts';
import type { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { orderStateKey } from '../i18n/labels.ts';
import { useText } from '../i18n/LanguageProvider.tsx';

/** The state of an order or of one of its items, in a word; a ticket given back is called that. */
export function StateTag({ state, close_reason }: { state: OrderState; close_reason?: CloseReason }) {
  const text = useText();
  const key = orderStateKey(state);
  return (
    <span className={`tag tag--${key}`} data-testid="state" data-state={key}>
      {close_reason === CloseReason.REFUNDED ? text.order.refunded : text.order.states[key]}
    </span>
  );
}
