/** A person with an account: submits, waits, pays or does not, cancels, gives back, and repeats what got no answer. */
import { createHash } from 'node:crypto';
import type { Result } from '#kit/base/result.ts';
import { createRefund } from '../../../services/aftersales/app/create_refund.ts';
import { quoteRefund } from '../../../services/aftersales/app/quote_refund.ts';
import { cancelOrder } from '../../../services/order/app/cancel_order.ts';
import { leaveQueue } from '../../../services/order/app/leave_queue.ts';
import { queueStatus, type QueueView } from '../../../services/order/app/queue_status.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import { submitOrder } from '../../../services/order/app/submit_order.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import type { SubmitRequest } from '../../../services/order/domain/request.ts';
import { createPayment } from '../../../services/payment/app/create_payment.ts';
import type { Payment } from '../../../services/payment/domain/payment.ts';
import { inspectTicket } from '../../../services/ticketing/app/inspect_ticket.ts';
import { factsOf } from '../nodes/aftersales_node.ts';
import { CHANNEL } from '../nodes/payment_node.ts';
import { SEAT_CLASS, STATIONS } from '../line.ts';
import type { World } from '../world.ts';
import { changeTrain } from './changer.ts';
import { CALL_MS, Person, POLLS_MAX } from './person.ts';

const LATEST_MS = 3000;
/** Whoever goes through the gate does so while the same ticket is changed or given back. */
const LATEST_AT_GATE_MS = 10_000;
/** Of those who hold a ticket: who gives it back, who wants another train, and who goes through the gate at once. */
const REFUND_SHARE = 0.35;
const CHANGE_SHARE = 0.8;
const GATE_SHARE = 0.15;
const ABANDON_SHARE = 0.1;
/** Of those who got nothing. */
const WAIT_SHARE = 0.7;
/** Of those who got something: who would like another train for it, and can't have both. */
const WAIT_TOO_SHARE = 0.15;

/** The railway changes no run here. */
const NO_LATE_RUNS = { keep: async () => undefined, until_ms: async () => undefined };

/** `waits`: he waits for what others give back. */
export async function travel(world: World, index: number, waits: () => void): Promise<void> {
  const traveller = new Traveller(new Person(world, index));
  await world.scheduler.sleep(world.scheduler.random.unit() * world.arrivals_ms);
  const order_id = await traveller.buy();
  if (order_id === undefined) {
    if (world.scheduler.chance(WAIT_SHARE)) waits();
    return;
  }
  if (world.scheduler.chance(WAIT_TOO_SHARE)) waits();
  await traveller.pay(order_id);
  await traveller.afterwards(order_id);
}

export class Traveller {
  readonly #world: World;
  readonly #person: Person;

  constructor(person: Person) {
    this.#world = person.world;
    this.#person = person;
  }

  /** The order that the wish became. */
  async buy(): Promise<string | undefined> {
    const { scheduler, faults, oracle } = this.#world;
    const request = this.#wish();
    const submit = (): Promise<Result<QueueView>> => this.#person.order('submit', (ports) => submitOrder(ports, request, this.#person.actor));
    if (faults.hits('request_repeated')) void submit();
    const entered = await this.#person.insist(submit);
    if (entered?.ok !== true) return undefined;
    let view = entered.value;
    oracle.waits(view.token);
    const leaves = faults.hits('left_queue');
    for (let poll = 0; poll < POLLS_MAX && (view.state === 'WAITING' || view.state === 'PROCESSING'); poll += 1) {
      if (leaves && poll === 1) await this.#person.order('leave', (ports) => leaveQueue(ports, view.token, this.#person.actor));
      await scheduler.sleep(300 + scheduler.random.unit() * 3000);
      const seen = await this.#person.order('status', (ports) => queueStatus(ports, view.token, this.#person.actor.account.account_id));
      if (seen.ok) view = seen.value;
    }
    return view.order_id;
  }

  async pay(order_id: string): Promise<void> {
    const { scheduler, faults } = this.#world;
    if (scheduler.chance(ABANDON_SHARE)) return;
    await scheduler.sleep(scheduler.random.unit() * 8000);
    const race = faults.hits('cancel_pay_race');
    if (race || scheduler.chance(ABANDON_SHARE)) void this.#cancelAfter(order_id, scheduler.random.unit() * 4000);
    const twice = faults.hits('payment_double');
    const payments = (await Promise.all([this.#open(order_id), ...(twice ? [this.#open(order_id)] : [])])).filter((payment) => payment !== undefined);
    if (payments.length === 0) return;
    if (faults.hits('payment_late')) await scheduler.sleep(Math.max(0, payments[0]!.expire_time_ms - scheduler.now_ms() + (scheduler.random.unit() * 2 - 1) * LATEST_MS + scheduler.pick([0, 0, 60_000])));
    else await scheduler.sleep(scheduler.random.unit() * 5000);
    await Promise.all(payments.map(({ payment_id }) => this.#person.payAtGateway(String(payment_id))));
  }

  /** Once it has a ticket: through the gate, to another train, back with it, or several of these at once. */
  async afterwards(order_id: string): Promise<void> {
    const { scheduler, faults } = this.#world;
    const order = await this.#person.settled(order_id);
    if (order?.state !== 'SUCCESS') return;
    if (scheduler.chance(GATE_SHARE)) void this.#throughGate(order);
    if (scheduler.chance(CHANGE_SHARE)) {
      if (faults.hits('change_refund_race')) void this.#giveBack(order_id);
      if (faults.hits('change_twice')) void changeTrain(this.#person, order);
      await changeTrain(this.#person, order);
    }
    if (scheduler.chance(REFUND_SHARE)) await this.#giveBack(order_id);
  }

  async #giveBack(order_id: string): Promise<void> {
    const { scheduler, faults, quote_tokens } = this.#world;
    await scheduler.sleep(scheduler.random.unit() * 3000);
    const view = (id: string) => this.#person.view(id, factsOf);
    const items = scheduler.chance(0.5) ? [] : [`${order_id}-1`];
    const quote = await this.#person.insist(() => this.#person.aftersales('quote', (node) => quoteRefund({ ...node, view }, order_id, items)));
    if (quote?.ok !== true) return;
    const wanted = { request_id: this.#person.id(), order_id, item_ids: items, quote_token: quote_tokens.seal(quote.value) };
    const refund = () => this.#person.aftersales('refund', (node) => createRefund({ ...node, view }, wanted, this.#person.audited));
    if (faults.hits('refund_repeated')) void refund();
    await this.#person.insist(refund);
  }

  #wish(): SubmitRequest {
    const { scheduler, faults, timetable } = this.#world;
    const from = scheduler.between(0, STATIONS.length - 2);
    const to = scheduler.between(from + 1, STATIONS.length - 1);
    const count = scheduler.pick([1, 1, 2, 3]);
    // Somebody else's passengers, bought for from another account.
    const of = this.#person.index > 0 && faults.hits('journey_overlap') ? this.#person.index - 1 : this.#person.index;
    const passengers = Array.from({ length: count }, (_, number) => ({ passenger_id: String((this.#person.index + 1) * 100_000 + of * 10 + number + 1), passenger_type: 'ADULT' as const, seat_classes: [SEAT_CLASS as 'SECOND'] }));
    return {
      request_id: this.#person.id(), run_id: scheduler.pick(timetable.sold).run_id, from_station_id: STATIONS[from]!, to_station_id: STATIONS[to]!, passengers,
      accept_standby: false, accept_standing: false, accept_same_train_change: false, seat_lock_id: '', accompanied_need: false, captcha_token: '',
    };
  }

  async #open(order_id: string): Promise<Payment | undefined> {
    const request_id = this.#person.id();
    const { account_id } = this.#person.actor.account;
    const actor = { account_id, service: 'payment', device_id: '', ip: '', request_id, method: 'CreatePayment', body_hash: createHash('sha256').update(order_id).digest() };
    const opened = await this.#person.insist(() => this.#world.rpc(undefined, 'payment', 'create', CALL_MS, ({ payments, gateway, process }) => {
      const payable = async (id: string) => {
        const order = await this.#world.rpc(process, 'order', 'get', 1000, ({ ports }) => getOrder(ports, id, this.#person.actor));
        if (!order.ok) return order;
        const { state, total_fen, pay_expire_ms } = order.value;
        if (state !== 'WAIT_PAY') return { ok: false as const, error: { reason: 'ORDER_NOT_PAYABLE' as const } };
        return { ok: true as const, value: { order_id: BigInt(id), account_id: BigInt(account_id), amount_fen: total_fen, payable_until_ms: pay_expire_ms, subject: id } };
      };
      return createPayment({ store: payments, gateway, clock: process.clock, channels: () => [CHANNEL], orders: { payable } }, { order_id, payment_channel: CHANNEL, return_path: '' }, actor);
    }));
    return opened?.ok === true ? opened.value : undefined;
  }

  async #cancelAfter(order_id: string, wait_ms: number): Promise<void> {
    await this.#world.scheduler.sleep(wait_ms);
    const request_id = this.#person.id();
    await this.#person.insist(() => this.#person.order('cancel', (ports) => cancelOrder(ports, { request_id, order_id, etag: '' }, this.#person.actor)));
  }

  async #throughGate(order: Order): Promise<void> {
    const { scheduler, ticket_db } = this.#world;
    await scheduler.sleep(scheduler.random.unit() * LATEST_AT_GATE_MS);
    const ticket = [...ticket_db.tickets.values()].find(({ order_id, state }) => order_id === BigInt(order.order_id) && state === 'VALID');
    if (ticket === undefined) return;
    const request = { qr_token: ticket.qr_token, id_last_four: '', admit: true, request_id: this.#person.id() };
    await this.#person.insist(() => this.#world.rpc(undefined, 'ticketing', 'inspect', CALL_MS, ({ store, keys, clock }) => inspectTicket({ store, late: NO_LATE_RUNS, keys, clock }, request, { account_id: '12306', service: 'gate', device_id: '', ip: '' })));
  }
}
