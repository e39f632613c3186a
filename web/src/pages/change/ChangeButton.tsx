import { Link } from 'react-router';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** The way into a change of train, where there is a ticket; which of them may be changed is said there. */
export function ChangeButton({ order }: { order: Order }) {
  const text = useText();
  if (!order.items.some(({ state }) => state === OrderState.SUCCESS)) return null;
  return (
    <Link className="button" to={`/orders/${order.orderId}/change`} data-testid="change">
      {text.change.start}
    </Link>
  );
}
