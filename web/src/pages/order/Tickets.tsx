import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { TicketOf } from './TicketOf.tsx';

/** The tickets of an order, those that are void last; read again whenever one of its items changes. */
export function Tickets({ order }: { order: Order }) {
  return order.items.some(({ ticketId }) => ticketId !== '') ? <TicketList order={order} /> : null;
}

function TicketList({ order }: { order: Order }) {
  const text = useText();
  const { ticketing } = useApi();
  const versions = order.items.map(({ version }) => version).join();
  const { value, error, loading, reload } = useLoad(`${order.orderId} ${versions}`, async (signal) => (await ticketing.listTickets({ orderId: order.orderId }, { signal })).tickets);
  return (
    <section aria-labelledby="tickets">
      <h2 id="tickets">{text.order.tickets}</h2>
      <ErrorNotice error={error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={1} tall />}
      {value?.toSorted((one, other) => Number(one.state === TicketState.VOID) - Number(other.state === TicketState.VOID)).map((ticket) => (
        <TicketOf key={`${ticket.ticketId} ${ticket.version}`} ticket={ticket} order={order} />
      ))}
    </section>
  );
}
