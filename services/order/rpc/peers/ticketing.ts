import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { IssueOutcome, TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import type { Issued, Ticketing } from '../../app/peers.ts';
import { itemIdOf, itemNoOf, journeyOf, type Order } from '../../domain/order.ts';
import { seatMessage } from '../messages.ts';
import { passengerTypes, wordsOf } from '../words.ts';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { batched } from './batched.ts';

const ISSUE_MS = 8000;
const KEEP_MS = 1000;
const BATCH_MAX = 64;
const outcomes = wordsOf(IssueOutcome);

export function ticketingPeer(client: ServiceClient<typeof TicketingService>): Ticketing {
  return {
    issue: batched<Order, Issued>({
      size_max: BATCH_MAX,
      async together(orders) {
        const { results } = await client.batchIssueTickets({ requests: orders.map(requestOf) }, own(ISSUE_MS));
        return orders.map((order, index): Result<Issued> => {
          const outcome = results[index]?.outcome;
          if (outcome?.case === 'issue') return ok(issuedOf(order, outcome.value));
          return outcome?.case === 'error' ? { ok: false, error: outcomeFailure(outcome.value) } : fail('INTERNAL', { detail: 'ticketing left an outcome out' });
        });
      },
      alone: async (order) => mapResult(await ask(client.issueTickets(requestOf(order), own(ISSUE_MS))), (answer) => issuedOf(order, answer)),
    }),
    keep: async (run_id, arrival_ms) => mapResult(await ask(client.keepTickets({ runId: run_id, arrivalTime: timestampFromMs(arrival_ms) }, own(KEEP_MS))), () => undefined),
  };
}

function requestOf(order: Order) {
  const items = order.items.map((item) => ({
    itemId: itemIdOf(order.order_id, item.item_no),
    itemVersion: BigInt(item.version),
    passengerId: item.passenger_id,
    passengerType: passengerTypes.to(item.passenger_type),
    seat: seatMessage(item.seat),
    seatParts: item.seat_parts.map(({ seat, from_index, to_index }) => ({ seat: seatMessage(seat), fromIndex: from_index, toIndex: to_index })),
    journey: journeyMessage(journeyOf(order, item)),
  }));
  return { orderId: order.order_id, accountId: order.account_id, items };
}

function issuedOf(order: Order, { outcome, tickets, failureReason }: { outcome: IssueOutcome; tickets: readonly { itemId: string; ticketId: string }[]; failureReason: string }): Issued {
  return {
    // An answer without an outcome decides nothing.
    outcome: outcomes.of(outcome) ?? 'PENDING',
    tickets: tickets.map(({ itemId, ticketId }) => ({ item_no: itemNoOf(order.order_id, itemId) ?? 0, ticket_id: ticketId })),
    reason: failureReason,
  };
}
