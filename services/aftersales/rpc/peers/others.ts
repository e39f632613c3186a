import { HoldOwner, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RefundState, type PaymentService, type Refund } from '#gen/rail/payment/v1/payment_pb.ts';
import type { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { fenToInt64 } from '#kit/base/money.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Money, MoneyState, Places, Tickets } from '../../app/ports.ts';
import { isHoldOfChange } from '../../domain/change.ts';
import { mapResult } from '#kit/base/result.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';

const READ_MS = 1000;
const RELEASE_MS = 2000;
const WRITE_MS = 5000;

export function ticketsOver(client: ServiceClient<typeof TicketingService>): Tickets {
  return { void: async (order_id, item_ids, reason) => mapResult(await ask(client.voidTickets({ orderId: order_id, itemIds: [...item_ids], reason }, own(WRITE_MS))), () => undefined) };
}

export function moneyOver(client: ServiceClient<typeof PaymentService>): Money {
  return {
    refund: async ({ refund_id, payment_id, amount_fen, reason }) =>
      mapResult(await ask(client.createRefund({ refundId: refund_id, paymentId: payment_id, amount: { amountFen: fenToInt64(amount_fen), currency: 'CNY' }, reason }, own(WRITE_MS))), ({ refund }) => stateOf(refund)),
    state: async (refund_id) => mapResult(await ask(client.getRefund({ refundId: refund_id }, own(READ_MS))), ({ refund }) => stateOf(refund)),
  };
}

export function placesOver(client: ServiceClient<typeof InventoryService>): Places {
  const buckets = runBuckets(client);
  return {
    async release({ hold_id, run_id, item_nos, reason }) {
      const on = { ...own(RELEASE_MS), route_key: await buckets.keyOf(run_id) };
      return mapResult(await ask(client.releaseHold({ holdId: hold_id, runId: run_id, owner: isHoldOfChange(hold_id) ? HoldOwner.CHANGE : HoldOwner.ORDER, itemIds: item_nos.map(String), reason }, on)), () => undefined);
    },
  };
}

const STATES = new Map<number, MoneyState>([[RefundState.DUE, 'DUE'], [RefundState.PROCESSING, 'PROCESSING'], [RefundState.SUCCEEDED, 'SUCCEEDED'], [RefundState.MANUAL, 'MANUAL']]);

function stateOf(refund: Refund | undefined): MoneyState {
  return STATES.get(refund?.state ?? 0) ?? 'DUE';
}
