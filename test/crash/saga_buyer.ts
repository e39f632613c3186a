/** Somebody who buys while services die: every call is repeated, under the same request id, until it has an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChangeService, ChangeStage, type Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { RefundService, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { StandbyService, StandbyState, type Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
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
const DAY_MS = 86_400_000;
/** What a caller waits out; a stale quote is not waited out but asked for anew. Anything else is an answer, and INTERNAL is none that may be given. */
const PASSING = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'RESOURCE_EXHAUSTED', 'ABORTED']);

export type Clients = { order: ServiceClient<typeof OrderService>; payment: ServiceClient<typeof PaymentService>; refunds: ServiceClient<typeof RefundService>; changes: ServiceClient<typeof ChangeService>; standbys: ServiceClient<typeof StandbyService> };

/** Where a ticket is to be changed to. */
export type Wanted = { run: TestRun; seat_class?: SeatClass; to?: string; item_ids?: string[] };

/** Connections of everybody in a test. */
export function connectBuyers({ env, lifecycle }: SagaWorld): Clients {
  const options = { service: 'web', default_timeout_ms: CALL_MS };
  const clients = {
    order: createClient(OrderService, { ...options, address: env.ORDER_ADDRESS! }),
    payment: createClient(PaymentService, { ...options, address: env.PAYMENT_ADDRESS! }),
    refunds: createClient(RefundService, { ...options, address: env.AFTERSALES_ADDRESS! }),
    changes: createClient(ChangeService, { ...options, address: env.AFTERSALES_ADDRESS! }),
    standbys: createClient(StandbyService, { ...options, address: env.AFTERSALES_ADDRESS! }),
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
  async order(passengers = 1, seat_class: SeatClass = SeatClass.SECOND): Promise<Order> {
    const ids = Array.from({ length: passengers }, () => String((numbers += 1)));
    const request = {
      requestId: newId(), runId: this.#run.runId, fromStationId: 's0', toStationId: 's3', passengers: ids.map((passengerId) => ({ passengerId, seatClasses: [seat_class] })),
    };
    const { status } = await this.#ask(() => this.#clients.order.submitOrder(request, this.#auth));
    const ordered = await eventually(async () => {
      const { status: now } = await this.#ask(() => this.#clients.order.getQueueStatus({ queueToken: status!.queueToken }, this.#auth));
      if (now!.state === QueueState.FAILED || now!.state === QueueState.LEFT) throw new Error(`no order: ${now!.reason}`);
      return now!.state === QueueState.ORDERED && now!.orderId;
    });
    return this.see(ordered);
  }

  /** Submits with consent to wait where there is no seat; the standby that it became. */
  async standby(): Promise<string> {
    const request = { requestId: newId(), runId: this.#run.runId, fromStationId: 's0', toStationId: 's3', passengers: [{ passengerId: String((numbers += 1)), seatClasses: [SeatClass.SECOND] }], acceptStandby: true };
    const { status } = await this.#ask(() => this.#clients.order.submitOrder(request, this.#auth));
    return eventually(async () => {
      const { status: now } = await this.#ask(() => this.#clients.order.getQueueStatus({ queueToken: status!.queueToken }, this.#auth));
      if (now!.state === QueueState.FAILED && now!.standbyId === '') throw new Error(`no standby: ${now!.reason} ${now!.standbyReason}`);
      return now!.state === QueueState.FAILED && now!.standbyId;
    });
  }

  /** Leaves it, and how many there were. */
  async leaveStandby(standby_id: string): Promise<number> {
    const { standbys } = await this.#ask(() => this.#clients.standbys.listStandbys({}, this.#auth));
    const request = { requestId: newId(), standbyId: standby_id };
    await this.#ask(() => this.#clients.standbys.cancelStandby(request, this.#auth));
    return standbys.length;
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

  /** What a change would cost, as a request that would make it. */
  async quoteChange(order_id: string, { run, seat_class = SeatClass.SECOND, to = 's3', item_ids }: Wanted) {
    const itemIds = item_ids ?? (await this.see(order_id)).items.map(({ itemId }) => itemId);
    const wanted = { orderId: order_id, itemIds, runId: run.runId!, fromStationId: 's0', toStationId: to, seatClass: seat_class };
    const { quote } = await this.#ask(() => this.#clients.changes.quoteChange(wanted, this.#auth));
    return { quote: quote!, request: { ...wanted, requestId: newId(), quoteToken: quote!.quoteToken } };
  }

  /** Begins a change. */
  async beginChange(request: Awaited<ReturnType<Buyer['quoteChange']>>['request']): Promise<Change> {
    return (await this.#ask(() => this.#clients.changes.createChange(request, this.#auth))).change!;
  }

  async cancelChange(change_id: string): Promise<Change> {
    return (await this.#ask(() => this.#clients.changes.cancelChange({ requestId: newId(), changeId: change_id }, this.#auth))).change!;
  }

  async seeChange(change_id: string): Promise<Change> {
    return (await this.#ask(() => this.#clients.changes.getChange({ changeId: change_id }, this.#auth))).change!;
  }

  /** Waits until a change has ended in this way. Throws when it ends in the other. */
  async untilChange(change_id: string, stage: ChangeStage): Promise<Change> {
    return eventually(async () => {
      const change = await this.seeChange(change_id);
      if (change.stage !== stage && (change.stage === ChangeStage.DONE || change.stage === ChangeStage.CANCELLED)) throw new Error(`the change ended as ${change.stage}: ${change.reason}`);
      return change.stage === stage && change;
    });
  }

  /** Where the difference of a change is paid. */
  async payUrlOfChange(change_id: string): Promise<string> {
    return eventually(async () => {
      const { paymentId } = await this.seeChange(change_id);
      if (paymentId === '') return false;
      const { payment } = await this.#ask(() => this.#clients.payment.getPayment({ paymentId }, this.#auth));
      return payment!.payUrl !== '' && payment!.payUrl;
    });
  }

  /** Has tickets wait for better trains, the first of them first. */
  async waitForBetter(order_id: string, wishes: Wanted[], more: { item_ids?: string[]; max_difference_fen?: number; request_id?: string; passenger_ids?: string[]; in_ms?: number } = {}): Promise<Standby> {
    const { item_ids = [], max_difference_fen, request_id = newId(), passenger_ids = [], in_ms = DAY_MS } = more;
    const request = {
      requestId: request_id, upgradeOfOrderId: order_id, itemIds: item_ids, passengerIds: passenger_ids, deadline: { seconds: BigInt(Math.floor((Date.now() + in_ms) / 1000)), nanos: 0 },
      wishes: wishes.map(({ run, seat_class = SeatClass.SECOND, to = 's3' }) => ({ runId: run.runId!, fromStationId: 's0', toStationId: to, seatClasses: [seat_class] })),
      ...(max_difference_fen === undefined ? {} : { maxDifference: { amountFen: BigInt(max_difference_fen), currency: 'CNY' } }),
    };
    return (await this.#ask(() => this.#clients.standbys.createStandby(request, this.#auth))).standby!;
  }

  async seeStandby(standby_id: string): Promise<Standby> {
    return (await this.#ask(() => this.#clients.standbys.getStandby({ standbyId: standby_id }, this.#auth))).standby!;
  }

  async cancelStandby(standby_id: string): Promise<Standby> {
    return (await this.#ask(() => this.#clients.standbys.cancelStandby({ requestId: newId(), standbyId: standby_id }, this.#auth))).standby!;
  }

  /** Waits until a standby is in a state. Throws when it ends in another. */
  async untilStandby(standby_id: string, state: StandbyState): Promise<Standby> {
    return eventually(async () => {
      const standby = await this.seeStandby(standby_id);
      if (standby.state !== state && (standby.state === StandbyState.SUCCESS || standby.state === StandbyState.FAIL)) throw new Error(`the standby ended as ${standby.state}: ${standby.reason}`);
      return standby.state === state && standby;
    });
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof RpcError) || !PASSING.has(error.code) || error.reason === 'QUOTE_STALE') throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}
