import { IssueOutcome, TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Ticketing } from '../../app/peers.ts';
import { itemIdOf, itemNoOf, journeyOf } from '../../domain/order.ts';
import { journeyMessage, seatMessage } from '../messages.ts';
import { passengerTypes, wordsOf } from '../words.ts';
import { mapResult } from '#kit/base/result.ts';
import { ask, own } from '#kit/rpc/peer.ts';

const ISSUE_MS = 8000;
const outcomes = wordsOf(IssueOutcome);

export function ticketingPeer(client: ServiceClient<typeof TicketingService>): Ticketing {
  return {
    async issue(order) {
      const items = order.items.map((item) => ({
        itemId: itemIdOf(order.order_id, item.item_no),
        itemVersion: BigInt(item.version),
        passengerId: item.passenger_id,
        passengerType: passengerTypes.to(item.passenger_type),
        seat: seatMessage(item.seat),
        seatParts: item.seat_parts.map(({ seat, from_index, to_index }) => ({ seat: seatMessage(seat), fromIndex: from_index, toIndex: to_index })),
        journey: journeyMessage(journeyOf(order, item)),
      }));
      const answer = await ask(client.issueTickets({ orderId: order.order_id, accountId: order.account_id, items }, own(ISSUE_MS)));
      return mapResult(answer, ({ outcome, tickets, failureReason }) => ({
        // An answer without an outcome decides nothing.
        outcome: outcomes.of(outcome) ?? 'PENDING',
        tickets: tickets.map(({ itemId, ticketId }) => ({ item_no: itemNoOf(order.order_id, itemId) ?? 0, ticket_id: ticketId })),
        reason: failureReason,
      }));
    },
  };
}
