/** Somebody who buys a ticket, step by step, as the web page does it; also while parts of the product are down. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RefundStage, type Refund } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { PaymentState, type Payment } from '#gen/rail/payment/v1/payment_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { IdType, VerifyState, type Passenger, type TokenPair } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderState, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { SaleState, type Place, type TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType, type SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openApi, reasonOf, type Api, type ApiOptions } from './api.ts';
import { patiently } from './patience.ts';
import { inventPerson, type Person } from './person.ts';

export type Choice = { offer: TrainOffer; seat_class: SeatClass };

export type TravellerOptions = ApiOptions & {
  /** Told of each refusal and lost answer that is waited out. */
  tell?: (error: unknown) => void;
};

const FINAL: ReadonlySet<OrderState> = new Set([OrderState.SUCCESS, OrderState.CLOSED]);
/** Between two looks, ever longer: an account may ask three times a second (requirements: 排队与削峰). */
const POLL_FIRST_MS = 350;
const POLL_LAST_MS = 1500;
const POLL_GROWTH = 1.2;
/** How long a person takes over a sum, and over one after the other. */
const CAPTCHA_FIRST_MS = 1_000;
const CAPTCHA_LAST_MS = 8_000;
/** Verification, queue and ticketing are seconds; a stack that is being killed and restarted needs longer. */
const WAIT_MS = 180_000;

export class Traveller {
  readonly api: Api;
  readonly person: Person = inventPerson();
  readonly login_name = `t_${randomBytes(6).toString('hex')}`;
  readonly #password = `Pass-${randomBytes(6).toString('hex')}`;
  readonly #tell: TravellerOptions['tell'];
  #refresh_token = '';
  #renewing: Promise<void> | undefined;

  constructor(page_url: string, { tell, ...options }: TravellerOptions = {}) {
    this.api = openApi(page_url, options);
    this.#tell = tell;
  }

  /** Makes an account with one request id until it is known to be there. */
  async register(): Promise<void> {
    const request = { requestId: newId(), loginName: this.login_name, password: this.#password, phone: this.person.phone, language: 'zh', deviceId: this.api.device_id };
    const { tokens } = await this.#withCaptcha((captchaToken) => patiently(() => this.api.identity.register({ ...request, captchaToken }), { tell: this.#tell }));
    this.#take(tokens);
  }

  async logIn(): Promise<void> {
    const request = { loginName: this.login_name, password: this.#password, deviceId: this.api.device_id, channel: Channel.WEB };
    const { tokens } = await this.#withCaptcha((captchaToken) => patiently(() => this.api.identity.logIn({ ...request, captchaToken }), { tell: this.#tell }));
    this.#take(tokens);
  }

  /** Adds the traveller as a passenger and waits until the authority has verified name and number. */
  async addPassenger(): Promise<Passenger> {
    const { name, id_number, phone } = this.person;
    const request = { requestId: newId(), name, idType: IdType.RESIDENT, idNumber: id_number, passengerType: PassengerType.ADULT, phone };
    let { passenger } = await this.ask(() => this.api.identity.addPassenger(request));
    await until(async () => {
      if (passenger!.verifyState !== VerifyState.PENDING) return true;
      const { passengers } = await this.ask(() => this.api.identity.listPassengers({}));
      passenger = passengers.find((one) => one.passengerId === passenger!.passengerId) ?? passenger;
      return false;
    });
    if (passenger!.verifyState !== VerifyState.VERIFIED) throw new Error('the authority did not verify the passenger');
    return passenger!;
  }

  /** The first train between two places on a date with enough seats left, and its first class that has them. */
  async findTrain(from: Place['place'], to: Place['place'], date: string): Promise<Choice | undefined> {
    const { offers } = await this.ask(() => this.api.query.searchTrains({ from: { place: from }, to: { place: to }, date, filter: { onlyAvailable: true } }));
    for (const offer of offers) {
      if (offer.saleState !== SaleState.OPEN) continue;
      const best = offer.classes.find(({ remaining }) => remaining > 0);
      if (best !== undefined) return { offer, seat_class: best.seatClass };
    }
    return undefined;
  }

  /** Submits with one request id until it is known to have arrived; the queue token. */
  async submit({ offer, seat_class }: Choice, passenger: Passenger, requestId = newId()): Promise<string> {
    const { runId, fromStationId, toStationId } = offer.journey!;
    const request = {
      requestId, runId, fromStationId, toStationId,
      passengers: [{ passengerId: passenger.passengerId, passengerType: PassengerType.ADULT, seatClasses: [seat_class] }],
    };
    const { status } = await this.#withCaptcha((captchaToken) => this.ask(() => this.api.order.submitOrder({ ...request, captchaToken })));
    return status!.queueToken;
  }

  /** Waits in the queue; the order's number. Throws with the reason when no seat could be had. */
  async waitInQueue(queue_token: string, tell: (ahead: number) => void = () => undefined): Promise<string> {
    let token = queue_token;
    let order_id = '';
    await until(async () => {
      const { status } = await this.ask(() => this.api.order.getQueueStatus({ queueToken: token }));
      token = status!.queueToken;
      tell(status!.ahead);
      if (status!.state === QueueState.FAILED || status!.state === QueueState.LEFT) throw new Error(`the queue ended without an order: ${status!.reason}`);
      order_id = status!.orderId;
      return status!.state === QueueState.ORDERED;
    });
    return order_id;
  }

  /** Opens a payment; asked again until the gateway has said where to pay, or the payment is over. */
  async openPayment(order_id: string): Promise<Payment> {
    const request = { requestId: newId(), orderId: order_id };
    let payment: Payment | undefined;
    await until(async () => {
      payment = (await this.#withCaptcha(() => this.ask(() => this.api.payment.createPayment(request)))).payment!;
      return payment.payUrl !== '' || payment.state === PaymentState.CLOSED;
    });
    return payment!;
  }

  /** Presses the button at the cashier. Whether the money was taken is for the order to say. */
  async payAtCashier(pay_url: string): Promise<void> {
    await patiently(async () => {
      const response = await fetch(`${pay_url}/pay`, { method: 'POST', redirect: 'manual' });
      await response.arrayBuffer();
      if (response.status >= 400) throw new Error(`the cashier answered ${response.status}`);
    }, { tell: this.#tell });
  }

  /** Gives an unpaid order up; it may have been paid or closed before. */
  async cancel(order_id: string): Promise<Order> {
    const request = { requestId: newId(), orderId: order_id };
    return (await this.ask(() => this.api.order.cancelOrder(request))).order!;
  }

  /** Refunds all of an order and waits until the money is back. A quote that went stale is asked for anew. */
  async refund(order_id: string): Promise<Refund> {
    let refund = await this.#acceptRefund(order_id);
    await until(async () => {
      if (refund.stage === RefundStage.DONE || refund.stage === RefundStage.MANUAL) return true;
      refund = (await this.ask(() => this.api.refund.getRefund({ refundId: refund.refundId }))).refund!;
      return false;
    });
    return refund;
  }

  /** Waits until the order is final, telling each state it is seen in. */
  async waitForEnd(order_id: string, tell: (state: OrderState) => void = () => undefined, wait_ms = WAIT_MS): Promise<Order> {
    let order: Order | undefined;
    await until(async () => {
      const seen = (await this.ask(() => this.api.order.getOrder({ orderId: order_id }))).order!;
      if (seen.state !== order?.state) tell(seen.state);
      order = seen;
      return FINAL.has(seen.state);
    }, wait_ms);
    return order!;
  }

  /** A call that is safe to repeat, repeated while it is refused for now, with a fresh token where the old one is over. */
  ask<T>(call: () => Promise<T>): Promise<T> {
    return patiently(call, { renew: () => this.#renew(), tell: this.#tell });
  }

  async #acceptRefund(orderId: string): Promise<Refund> {
    for (;;) {
      const { quote } = await this.ask(() => this.api.refund.quoteRefund({ orderId }));
      const request = { requestId: newId(), orderId, itemIds: quote!.items.map(({ itemId }) => itemId), quoteToken: quote!.quoteToken };
      try {
        return (await this.ask(() => this.api.refund.createRefund(request))).refund!;
      } catch (error) {
        if (reasonOf(error) !== 'QUOTE_STALE') throw error;
        this.#tell?.(error);
      }
    }
  }

  /** Of several calls that find the token over, one brings another. A refresh token whose answer was lost is spent: then by password. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    const request = { refreshToken: this.#refresh_token, deviceId: this.api.device_id };
    this.#refresh_token = '';
    this.api.access_token = '';
    if (request.refreshToken !== '') {
      try {
        return this.#take((await this.api.identity.refreshTokens(request)).tokens);
      } catch (error) {
        this.#tell?.(error);
      }
    }
    await this.logIn();
  }

  #take(tokens: TokenPair | undefined): void {
    this.api.access_token = tokens!.accessToken;
    this.#refresh_token = tokens!.refreshToken;
  }

  /**
   * Solves the sum when one is asked for, and asks again with the token it earned. Not faster than a person: one is also
   * asked for when risk does not answer in time, and a crowd that hurries then keeps it from ever answering.
   */
  async #withCaptcha<T>(call: (captcha_token: string) => Promise<T>): Promise<T> {
    let captcha_token = '';
    const until_ms = performance.now() + WAIT_MS;
    for (let pause_ms = CAPTCHA_FIRST_MS; ; pause_ms = Math.min(CAPTCHA_LAST_MS, pause_ms * 2)) {
      try {
        return await call(captcha_token);
      } catch (error) {
        if (reasonOf(error) !== 'CAPTCHA_REQUIRED' || performance.now() > until_ms) throw error;
        this.#tell?.(error);
        await sleep(pause_ms * (0.5 + Math.random()));
        captcha_token = await this.#solveCaptcha();
      }
    }
  }

  async #solveCaptcha(): Promise<string> {
    return patiently(async () => {
      const { captchaId, questionText } = await this.api.risk.createCaptcha({ deviceId: this.api.device_id });
      const sum = [...questionText.matchAll(/\d+/g)].reduce((total, [digits]) => total + Number(digits), 0);
      return (await this.api.risk.solveCaptcha({ captchaId, answer: String(sum) })).captchaToken;
    }, { tell: this.#tell });
  }
}

export function newId(): string {
  return uuid7(systemClock, systemRandom);
}

/** Asks again until it is so. Throws when it is not so in time. */
async function until(isSo: () => Promise<boolean>, wait_ms = WAIT_MS): Promise<void> {
  const deadline_ms = performance.now() + wait_ms;
  let pause_ms = POLL_FIRST_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline_ms) throw new Error(`still waiting after ${wait_ms / 1000} s`);
    await sleep(pause_ms);
    pause_ms = Math.min(POLL_LAST_MS, pause_ms * POLL_GROWTH);
  }
}
