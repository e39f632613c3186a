import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import type { Ticket } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { TicketCard } from './TicketCard.tsx';
import { useStopNames } from './use_stop_names.ts';

/** A ticket of an order, with the names of the stops of its own train. */
export function TicketOf({ ticket, order }: { ticket: Ticket; order: Order }) {
  const stops = useStopNames([ticket]);
  return <TicketCard ticket={ticket} item={order.items.find(({ itemId }) => itemId === ticket.itemId)} stops={stops} />;
}
