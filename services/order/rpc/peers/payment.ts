import { PaymentKind, PaymentService, PaymentState, RefundState, type Payment as PaymentMessage, type Refund } from '#gen/rail/payment/v1/payment_pb.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Payment, Payments, Settlement } from '../../app/peers.ts';
import { moneyOf } from '../messages.ts';
import { wordsOf } from '../words.ts';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { batched } from './batched.ts';

const GATEWAY_MS = 5000;
const WRITE_MS = 2000;
const READ_MS = 1000;
const BATCH_MS = 3000;
const BATCH_MAX = 256;

export function paymentPeer(client: ServiceClient<typeof PaymentService>): Payments {
  return {
    list: async (order_id) => mapResult(await ask(client.listPayments({ orderId: order_id }, own(READ_MS))), ({ payments }) => payments.map(paymentOf)),
    close: async (order_id, force) =>
      mapResult(await ask(client.closePayments({ orderId: order_id, force }, own(GATEWAY_MS))), ({ paid, closed }) => ({ paid: paid === undefined ? undefined : paymentOf(paid), closed })),
    settle: batched<Settlement, undefined>({
      size_max: BATCH_MAX,
      async together(settlements) {
        const { outcomes } = await client.batchSettlePayments({ requests: settlements.map(settlementOf) }, own(BATCH_MS));
        return settlements.map((_, index): Result<undefined> => {
          const outcome = outcomes[index];
          if (outcome === undefined) return fail('INTERNAL', { detail: 'payment left an outcome out' });
          return outcome.error === undefined ? ok() : { ok: false, error: outcomeFailure(outcome.error) };
        });
      },
      alone: async (settlement) => mapResult(await ask(client.settlePayment(settlementOf(settlement), own(WRITE_MS))), () => undefined),
    }),
    refund: async ({ refund_id, payment_id, amount_fen, reason }) =>
      mapResult(await ask(client.createRefund({ refundId: refund_id, paymentId: payment_id, amount: moneyOf(amount_fen), reason }, own(GATEWAY_MS))), ({ refund }) => stateOf(refund)),
    refundState: async (refund_id) => mapResult(await ask(client.getRefund({ refundId: refund_id }, own(READ_MS))), ({ refund }) => stateOf(refund)),
  };
}

function settlementOf({ payment_id, order_id, accepted, reason }: Settlement) {
  return { paymentId: payment_id, orderId: order_id, accepted, reason };
}

const kinds = wordsOf(PaymentKind);
const states = wordsOf(PaymentState);
const refundStates = wordsOf(RefundState);

function paymentOf(message: PaymentMessage): Payment {
  const state = states.of(message.state);
  if (state === undefined) throw new Error(`payment ${message.paymentId} has no state`);
  return {
    payment_id: message.paymentId,
    kind: kinds.of(message.kind) ?? 'PURCHASE',
    state,
    amount_fen: fenFromInt64(message.amount?.amountFen ?? 0n),
    refunded_fen: fenFromInt64(message.refunded?.amountFen ?? 0n),
  };
}

function stateOf(refund: Refund | undefined): 'DUE' | 'PROCESSING' | 'SUCCEEDED' | 'MANUAL' {
  return (refund === undefined ? undefined : refundStates.of(refund.state)) ?? 'DUE';
}
