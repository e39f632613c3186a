/** Somebody who buys a ticket, step by step, as the web page does it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Payment } from '#gen/rail/payment/v1/payment_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { IdType, VerifyState, type Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderState, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { SaleState, type Place, type TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { PassengerType, type SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openApi, type Api, type ApiOptions } from './api.ts';
import { patiently } from './patience.ts';
import { inventPerson, type Person } from './person.ts';

export type Choice = { offer: TrainOffer; seat_class: SeatClass };

const FINAL: ReadonlySet<OrderState> = new Set([OrderState.SUCCESS, OrderState.CLOSED]);
const POLL_MS = 250;
/** Verification, queue and ticketing are seconds; a stack that is being killed and restarted needs longer. */
const WAIT_MS = 180_000;

export class Traveller {
  readonly api: Api;
  readonly person: Person = inventPerson();
  readonly login_name = `t_${randomBytes(6).toString('hex')}`;
  readonly #password = `Pass-${randomBytes(6).toString('hex')}`;

  constructor(page_url: string, options: ApiOptions = {}) {
    this.api = openApi(page_url, options);
  }

  async register(): Promise<void> {
    const request = { requestId: newId(), loginName: this.login_name, password: this.#password, phone: this.person.phone, language: 'zh', deviceId: this.api.device_id };
    const { tokens } = await patiently(() => this.api.identity.register(request));
    this.api.access_token = tokens!.accessToken;
  }

  /** Adds the traveller as a passenger and waits until the authority has verified name and number. */
  async addPassenger(): Promise<Passenger> {
    const { name, id_number, phone } = this.person;
    const request = { requestId: newId(), name, idType: IdType.RESIDENT, idNumber: id_number, passengerType: PassengerType.ADULT, phone };
    let { passenger } = await patiently(() => this.api.identity.addPassenger(request));
    await until(async () => {
      if (passenger!.verifyState !== VerifyState.PENDING) return true;
      const { passengers } = await patiently(() => this.api.identity.listPassengers({}));
      passenger = passengers.find((one) => one.passengerId === passenger!.passengerId) ?? passenger;
      return false;
    });
    if (passenger!.verifyState !== VerifyState.VERIFIED) throw new Error('the authority did not verify the passenger');
    return passenger!;
  }

  /** The first train between two places on a date with enough seats left, and its first class that has them. */
  async findTrain(from: Place['place'], to: Place['place'], date: string): Promise<Choice | undefined> {
    const { offers } = await patiently(() => this.api.query.searchTrains({ from: { place: from }, to: { place: to }, date, filter: { onlyAvailable: true } }));
    for (const offer of offers) {
      if (offer.saleState !== SaleState.OPEN) continue;
      const best = offer.classes.find(({ remaining }) => remaining > 0);
      if (best !== undefined) return { offer, seat_class: best.seatClass };
    }
    return undefined;
  }

  /** Submits with one request id until it is known to have arrived; the queue token. */
  async submit({ offer, seat_class }: Choice, passenger: Passenger): Promise<string> {
    const { runId, fromStationId, toStationId } = offer.journey!;
    const request = {
      requestId: newId(), runId, fromStationId, toStationId,
      passengers: [{ passengerId: passenger.passengerId, passengerType: PassengerType.ADULT, seatClasses: [seat_class] }],
    };
    const { status } = await patiently(() => this.api.order.submitOrder(request));
    return status!.queueToken;
  }

  /** Waits in the queue; the order's number. Throws with the reason when no seat could be had. */
  async waitInQueue(queue_token: string, tell: (ahead: number) => void = () => undefined): Promise<string> {
    let token = queue_token;
    let order_id = '';
    await until(async () => {
      const { status } = await patiently(() => this.api.order.getQueueStatus({ queueToken: token }));
      token = status!.queueToken;
      tell(status!.ahead);
      if (status!.state === QueueState.FAILED || status!.state === QueueState.LEFT) throw new Error(`the queue ended without an order: ${status!.reason}`);
      order_id = status!.orderId;
      return status!.state === QueueState.ORDERED;
    });
    return order_id;
  }

  /** Opens a payment; asked again until the gateway has said where to pay. */
  async openPayment(order_id: string): Promise<Payment> {
    const request = { requestId: newId(), orderId: order_id };
    let payment: Payment | undefined;
    await until(async () => {
      payment = (await patiently(() => this.api.payment.createPayment(request))).payment!;
      return payment.payUrl !== '';
    });
    return payment!;
  }

  /** Presses the button at the cashier. */
  async payAtCashier(pay_url: string): Promise<void> {
    await patiently(async () => {
      const response = await fetch(`${pay_url}/pay`, { method: 'POST', redirect: 'manual' });
      await response.arrayBuffer();
      if (response.status >= 400) throw new Error(`the cashier answered ${response.status}`);
    });
  }

  /** Waits until the order is final, telling each state it is seen in. */
  async waitForEnd(order_id: string, tell: (state: OrderState) => void = () => undefined, wait_ms = WAIT_MS): Promise<Order> {
    let order: Order | undefined;
    await until(async () => {
      const seen = (await patiently(() => this.api.order.getOrder({ orderId: order_id }))).order!;
      if (seen.state !== order?.state) tell(seen.state);
      order = seen;
      return FINAL.has(seen.state);
    }, wait_ms);
    return order!;
  }
}

export function newId(): string {
  return uuid7(systemClock, systemRandom);
}

/** Asks again until it is so. Throws when it is not so in time. */
async function until(isSo: () => Promise<boolean>, wait_ms = WAIT_MS): Promise<void> {
  const deadline_ms = performance.now() + wait_ms;
  while (!(await isSo())) {
    if (performance.now() > deadline_ms) throw new Error(`still waiting after ${wait_ms / 1000} s`);
    await sleep(POLL_MS);
  }
}
