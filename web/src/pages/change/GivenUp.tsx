import { Link } from 'react-router';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { dueOf } from './figures.ts';
import { planPath } from './plan.ts';
import { givenUpKey } from './progress.ts';

/** Why there was no change, and what holds instead. */
export function GivenUp({ change, order }: { change: Change; order: Order | undefined }) {
  const text = useText();
  const words = text.change.given_up;
  const because = givenUpKey(change.reason);
  // Until places and money have gone back the tickets can be neither changed nor refunded.
  const undoing = order?.items.some(({ itemId, state }) => change.itemIds.includes(itemId) && state === OrderState.CHANGE) ?? true;
  return (
    <section className="panel" data-testid="change-given-up" data-because={because}>
      <h2 className="changetitle">{words.title}</h2>
      <p>{words.because[because]}</p>
      {because !== 'used' && (
        <p>
          <strong>{words.still}</strong>
        </p>
      )}
      {change.quote !== undefined && dueOf(change.quote).way === 'pay' && <p>{words.money}</p>}
      {undoing && order !== undefined && <p className="quote__rule">{words.undoing}</p>}
      <div className="actions">
        {!undoing && because !== 'used' && (
          <Link className="button button--primary" to={planPath(change.orderId, { step: 'tickets', item_ids: change.itemIds })} data-testid="change-again">
            {words.again}
          </Link>
        )}
        <Link className="button" to={`/orders/${change.orderId}`}>
          {text.change.back_to_order}
        </Link>
      </div>
    </section>
  );
}
