/** Somebody who buys while services die: every call is repeated, under the same request id, until it has an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RefundService, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { OrderService, OrderState, QueueState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient, type CallOptions, type ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { TestRun } from '../integration/inventory_world.ts';
import { eventually } from '../support/processes.ts';
import type { SagaWorld } from './saga_world.ts';

const PAUSE_MS = 50;
const CALL_MS = 5000;
/** What a caller waits out. Anything else is an answer, and INTERNAL is none that may be given. */
const PASSING = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'RESOURCE_EXHAUSTED', 'ABORTED']);

export type Clients = { order: ServiceClient<typeof OrderService>; payment: ServiceClient<typeof PaymentService>; refunds: ServiceClient<typeof RefundService> };

/** Connections of everybody in a test. */
export function connectBuyers({ env, lifecycle }: SagaWorld): Clients {
  const options = { service: 'web', default_timeout_ms: CALL_MS };
  const clients = {
    order: createClient(OrderService, { ...options, address: env.ORDER_ADDRESS! }),
    payment: createClient(PaymentService, { ...options, address: env.PAYMENT_ADDRESS! }),
    refunds: createClient(RefundService, { ...options, address: env.AFTERSALES_ADDRESS! }),
  };
  for (const client of Object.values(clients)) lifecycle.onStop('client', () => client.close());
  return clients;
}

let numbers = 7_000_000;

export class Buyer {
  readonly account_id = String((numbers += 1));
  readonly #clients: Clients;
  readonly #auth: CallOptions;
  readonly #run: TestRun;

  private constructor(clients: Clients, auth: (account_id: string) => CallOptions, run: TestRun) {
    this.#clients = clients;
    this.#auth = auth(this.account_id);
    this.#run = run;
  }

  static async make(world: SagaWorld, clients: Clients, run: TestRun): Promise<Buyer> {
    const headers = await world.tokens.headersFor({ account_id: String(numbers + 1) });
    return new Buyer(clients, () => ({ metadata: headers }), run);
  }

  /** Submits and waits in the queue; the order. */
  async order(passengers = 1): Promise<Order> {
    const ids = Array.from({ length: passengers }, () => String((numbers += 1)));
    const request = {
      requestId: newId(), runId: this.#run.runId, fromStationId: 's0', toStationId: 's3', passengers: ids.map((passengerId) => ({ passengerId, seatClasses: [SeatClass.SECOND] })),
    };
    const { status } = await this.#ask(() => this.#clients.order.submitOrder(request, this.#auth));
    const ordered = await eventually(async () => {
      const { status: now } = await this.#ask(() => this.#clients.order.getQueueStatus({ queueToken: status!.queueToken }, this.#auth));
      if (now!.state === QueueState.FAILED || now!.state === QueueState.LEFT) throw new Error(`no order: ${now!.reason}`);
      return now!.state === QueueState.ORDERED && now!.orderId;
    });
    return this.see(ordered);
  }

  async see(order_id: string): Promise<Order> {
    return (await this.#ask(() => this.#clients.order.getOrder({ orderId: order_id }, this.#auth))).order!;
  }

  /** Waits until the order is SUCCESS or CLOSED, or what is named. */
  async until(order_id: string, ...states: OrderState[]): Promise<Order> {
    const wanted = states.length > 0 ? states : [OrderState.SUCCESS, OrderState.CLOSED];
    return eventually(async () => {
      const order = await this.see(order_id);
      return wanted.includes(order.state) && order;
    });
  }

  /** Opens a payment; where to pay. */
  async openPayment(order_id: string): Promise<string> {
    const request = { requestId: newId(), orderId: order_id };
    return eventually(async () => {
      const { payment } = await this.#ask(() => this.#clients.payment.createPayment(request, this.#auth));
      return payment!.payUrl !== '' && payment!.payUrl;
    });
  }

  /** Presses the button at the cashier. */
  async pay(pay_url: string): Promise<void> {
    const response = await fetch(`${pay_url}/pay`, { method: 'POST', redirect: 'manual' });
    await response.arrayBuffer();
    if (response.status >= 400) throw new Error(`the cashier answered ${response.status}`);
  }

  async cancel(order_id: string): Promise<void> {
    const request = { requestId: newId(), orderId: order_id };
    await this.#ask(() => this.#clients.order.cancelOrder(request, this.#auth));
  }

  /** Refunds items, or all of the order, and waits until the money is back. */
  async refund(order_id: string, item_ids: string[] = []): Promise<void> {
    const { quote } = await this.#ask(() => this.#clients.refunds.quoteRefund({ orderId: order_id, itemIds: item_ids }, this.#auth));
    const request = { requestId: newId(), orderId: order_id, itemIds: quote!.items.map(({ itemId }) => itemId), quoteToken: quote!.quoteToken };
    const { refund } = await this.#ask(() => this.#clients.refunds.createRefund(request, this.#auth));
    await eventually(async () => {
      const { refund: now } = await this.#ask(() => this.#clients.refunds.getRefund({ refundId: refund!.refundId }, this.#auth));
      return now!.stage === RefundStage.DONE;
    });
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof RpcError) || !PASSING.has(error.code)) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}
