import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { TicketOf } from '../order/TicketOf.tsx';

/** The tickets of a change that is done: the new ones, and the old ones that are void. */
export function SwappedTickets({ change, order }: { change: Change; order: Order }) {
  const text = useText();
  const { ticketing } = useApi();
  const versions = order.items.map(({ version }) => version).join();
  const { value, error, loading, reload } = useLoad(`${order.orderId} ${versions}`, async (signal) => (await ticketing.listTickets({ orderId: order.orderId }, { signal })).tickets);
  const ours = value?.filter(({ itemId }) => change.itemIds.includes(itemId)) ?? [];
  const old = ours.filter(({ state }) => state === TicketState.VOID);
  return (
    <>
      <section aria-labelledby="new-tickets" data-testid="new-tickets">
        <h2 id="new-tickets">{text.change.done.new_tickets}</h2>
        <ErrorNotice error={error} onRetry={reload} />
        {loading && value === undefined && <Skeleton rows={1} tall />}
        {ours.filter((ticket) => !old.includes(ticket)).map((ticket) => (
          <TicketOf key={ticket.ticketId} ticket={ticket} order={order} />
        ))}
      </section>
      {old.length > 0 && (
        <details className="changeold" data-testid="old-tickets">
          <summary>{text.change.done.old_tickets}</summary>
          {old.map((ticket) => (
            <TicketOf key={ticket.ticketId} ticket={ticket} order={order} />
          ))}
        </details>
      )}
    </>
  );
}
