import { OrderState, type OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { fail, ok } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { asResult } from '#kit/rpc/error.ts';
import type { Orders } from '../app/ports.ts';
import { verdictOf } from '../domain/payment.ts';

const CLOSED_OR_NOT: Readonly<Record<number, string>> = { [OrderState.CLOSED]: 'CLOSED' };

/** What an order says of money that came for it, asked in our own name. Throws while it does not answer. */
export function verdictsOver(client: ServiceClient<typeof OrderService>): Pick<Orders, 'verdict'> {
  return {
    async verdict(payment) {
      const { order } = await client.getOrder({ orderId: String(payment.order_id) });
      if (order === undefined) throw new Error('an answer without an order');
      return verdictOf(payment, { state: CLOSED_OR_NOT[order.state] ?? 'OPEN', payment_id: order.paymentId });
    },
  };
}

/** Whose an order is, asked in our own name. */
export function ownersOver(client: ServiceClient<typeof OrderService>): Pick<Orders, 'owner'> {
  return {
    async owner(order_id) {
      const answer = await asResult(client.getOrder({ orderId: order_id }));
      if (!answer.ok) return answer;
      const { order } = answer.value;
      return order === undefined ? fail('ORDER_NOT_FOUND') : ok(BigInt(order.accountId));
    },
  };
}

/** Orders as their own service tells of them, asked for as the account that calls. */
export function ordersFor(client: ServiceClient<typeof OrderService>, call: Call): Pick<Orders, 'payable'> {
  return {
    async payable(order_id) {
      const answer = await asResult(client.getOrder({ orderId: order_id }, { parent: call }));
      if (!answer.ok) return answer;
      const { order } = answer.value;
      if (order === undefined) return fail('ORDER_NOT_FOUND');
      // The order service answers services for any order; whose it is matters here.
      if (call.account !== undefined && order.accountId !== call.account.account_id) return fail('ORDER_NOT_FOUND');
      if (order.state !== OrderState.WAIT_PAY || order.total === undefined || order.payExpireTime === undefined) return fail('ORDER_NOT_PAYABLE');
      return ok({
        order_id: BigInt(order.orderId),
        account_id: BigInt(order.accountId),
        amount_fen: Number(order.total.amountFen),
        payable_until_ms: timestampMs(order.payExpireTime),
        subject: order.orderId,
      });
    },
  };
}
