/** A person with an account: submits, waits, pays or does not, cancels, gives back, and repeats what got no answer. */
import { createHash } from 'node:crypto';
import { errorSpec } from '#kit/base/errors.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Result } from '#kit/base/result.ts';
import { createRefund } from '../../../services/aftersales/app/create_refund.ts';
import { quoteRefund } from '../../../services/aftersales/app/quote_refund.ts';
import type { AccountFacts, Actor } from '../../../services/order/app/actor.ts';
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

const CALL_MS = 10_000;
const TRIES_MAX = 12;
const POLLS_MAX = 400;
const LATEST_MS = 3000;
/** Of those who hold a ticket: who gives it back, and who goes through the gate with it at once. */
const REFUND_SHARE = 0.35;
const GATE_SHARE = 0.15;
const ABANDON_SHARE = 0.1;

type Person = Actor & { account: AccountFacts };

export async function travel(world: World, index: number): Promise<void> {
  const traveller = new Traveller(world, index);
  await world.scheduler.sleep(world.scheduler.random.unit() * world.arrivals_ms);
  const order_id = await traveller.buy();
  if (order_id === undefined) return;
  await traveller.pay(order_id);
  await traveller.giveBack(order_id);
}

class Traveller {
  readonly #world: World;
  readonly #actor: Person;
  readonly #index: number;

  constructor(world: World, index: number) {
    this.#world = world;
    this.#index = index;
    const account = { account_id: String(1000 + index), tenant: 'rail', channel: 'web', device_id: 'd', session_id: 's', roles: [], member_level: world.scheduler.chance(0.2) ? 4 : 0 };
    this.#actor = { account, service: '', ip: '', user_agent: '', deadline_ms: Infinity };
  }

  /** The order that the wish became. */
  async buy(): Promise<string | undefined> {
    const { scheduler, faults, oracle } = this.#world;
    const request = this.#wish();
    const submit = (): Promise<Result<QueueView>> => this.#order('submit', (ports) => submitOrder(ports, request, this.#actor));
    if (faults.hits('request_repeated')) void submit();
    const entered = await this.#insist(submit);
    if (entered?.ok !== true) return undefined;
    let view = entered.value;
    oracle.waits(view.token);
    const leaves = faults.hits('left_queue');
    for (let poll = 0; poll < POLLS_MAX && (view.state === 'WAITING' || view.state === 'PROCESSING'); poll += 1) {
      if (leaves && poll === 1) await this.#order('leave', (ports) => leaveQueue(ports, view.token, this.#actor));
      await scheduler.sleep(300 + scheduler.random.unit() * 3000);
      const seen = await this.#order('status', (ports) => queueStatus(ports, view.token, this.#actor.account.account_id));
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
    await Promise.all(payments.map((payment) => this.#payAtGateway(payment)));
  }

  /** Once it has a ticket: through the gate, or back with it, or both at once. */
  async giveBack(order_id: string): Promise<void> {
    const { scheduler } = this.#world;
    const order = await this.#settled(order_id);
    if (order?.state !== 'SUCCESS') return;
    if (scheduler.chance(GATE_SHARE)) void this.#throughGate(order);
    if (!scheduler.chance(REFUND_SHARE)) return;
    await scheduler.sleep(scheduler.random.unit() * 3000);
    const view = (id: string): Promise<Result<ReturnType<typeof factsOf>>> => this.#order('get', async (ports) => {
      const found = await getOrder(ports, id, this.#actor);
      return found.ok ? { ok: true as const, value: factsOf(found.value) } : found;
    });
    const items = scheduler.chance(0.5) ? [] : [`${order_id}-1`];
    const quote = await this.#insist(() => this.#world.rpc(undefined, 'aftersales', 'quote', CALL_MS, ({ clock }) => quoteRefund({ clock, view }, order_id, items)));
    if (quote?.ok !== true) return;
    const wanted = { request_id: this.#id(), order_id, item_ids: items, quote_token: this.#world.quote_tokens.seal(quote.value) };
    await this.#insist(() => this.#world.rpc(undefined, 'aftersales', 'refund', CALL_MS, (node) => createRefund({ ...node, view }, wanted, { account_id: this.#actor.account.account_id, service: 'aftersales', device_id: '', ip: '' })));
  }

  #wish(): SubmitRequest {
    const { scheduler, faults, runs } = this.#world;
    const from = scheduler.between(0, STATIONS.length - 2);
    const to = scheduler.between(from + 1, STATIONS.length - 1);
    const count = scheduler.pick([1, 1, 2, 3]);
    // Somebody else's passengers, bought for from another account.
    const of = this.#index > 0 && faults.hits('journey_overlap') ? this.#index - 1 : this.#index;
    const passengers = Array.from({ length: count }, (_, number) => ({ passenger_id: String((this.#index + 1) * 100_000 + of * 10 + number + 1), passenger_type: 'ADULT' as const, seat_classes: [SEAT_CLASS as 'SECOND'] }));
    return {
      request_id: this.#id(), run_id: scheduler.pick(runs).run_id, from_station_id: STATIONS[from]!, to_station_id: STATIONS[to]!, passengers,
      accept_standby: false, accept_standing: false, accept_same_train_change: false, seat_lock_id: '', accompanied_need: false, captcha_token: '',
    };
  }

  async #open(order_id: string): Promise<Payment | undefined> {
    const request_id = this.#id();
    const { account_id } = this.#actor.account;
    const actor = { account_id, service: 'payment', device_id: '', ip: '', request_id, method: 'CreatePayment', body_hash: createHash('sha256').update(order_id).digest() };
    const opened = await this.#insist(() => this.#world.rpc(undefined, 'payment', 'create', CALL_MS, ({ payments, gateway, process }) => {
      const payable = async (id: string) => {
        const order = await this.#world.rpc(process, 'order', 'get', 1000, ({ ports }) => getOrder(ports, id, this.#actor));
        if (!order.ok) return order;
        const { state, total_fen, pay_expire_ms } = order.value;
        if (state !== 'WAIT_PAY') return { ok: false as const, error: { reason: 'ORDER_NOT_PAYABLE' as const } };
        return { ok: true as const, value: { order_id: BigInt(id), account_id: BigInt(account_id), amount_fen: total_fen, payable_until_ms: pay_expire_ms, subject: id } };
      };
      return createPayment({ store: payments, gateway, clock: process.clock, channels: () => [CHANNEL], orders: { payable } }, { order_id, payment_channel: CHANNEL, return_path: '' }, actor);
    }));
    return opened?.ok === true ? opened.value : undefined;
  }

  /** Where the opening was not heard of yet, the page is loaded again after a while. */
  async #payAtGateway({ payment_id }: Payment): Promise<void> {
    const { scheduler, gateway } = this.#world;
    for (let tried = 0; tried < TRIES_MAX && !gateway.trades.has(String(payment_id)); tried += 1) await scheduler.sleep(2000);
    gateway.pay(String(payment_id));
  }

  async #cancelAfter(order_id: string, wait_ms: number): Promise<void> {
    await this.#world.scheduler.sleep(wait_ms);
    const request_id = this.#id();
    await this.#insist(() => this.#order('cancel', (ports) => cancelOrder(ports, { request_id, order_id, etag: '' }, this.#actor)));
  }

  async #throughGate(order: Order): Promise<void> {
    const { ticket_db } = this.#world;
    const ticket = [...ticket_db.tickets.values()].find(({ order_id, state }) => order_id === BigInt(order.order_id) && state === 'VALID');
    if (ticket === undefined) return;
    const request = { qr_token: ticket.qr_token, id_last_four: '', admit: true, request_id: this.#id() };
    await this.#insist(() => this.#world.rpc(undefined, 'ticketing', 'inspect', CALL_MS, ({ store, keys, clock }) => inspectTicket({ store, keys, clock }, request, { account_id: '12306', service: 'gate', device_id: '', ip: '' })));
  }

  /** The order once nothing is under way any more, as far as somebody waits for it. */
  async #settled(order_id: string): Promise<Order | undefined> {
    const { scheduler } = this.#world;
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const order = await this.#order('get', (ports) => getOrder(ports, order_id, this.#actor));
      if (order.ok && (order.value.state === 'SUCCESS' || order.value.state === 'CLOSED')) return order.value;
      await scheduler.sleep(1000 + poll * 500);
    }
    return undefined;
  }

  #order<T>(label: string, handle: (ports: Parameters<typeof submitOrder>[0] & Parameters<typeof cancelOrder>[0]) => Promise<Result<T>>): Promise<Result<T>> {
    return this.#world.rpc(undefined, 'order', label, CALL_MS, ({ ports }) => handle(ports));
  }

  /** The same request again while nobody could answer it. */
  async #insist<T>(ask: () => Promise<Result<T>>): Promise<Result<T> | undefined> {
    for (let tried = 0; tried < TRIES_MAX; tried += 1) {
      const answer = await ask();
      if (answer.ok || !AGAIN.has(errorSpec(answer.error.reason).code)) return answer;
      await this.#world.scheduler.sleep(500 + this.#world.scheduler.random.unit() * 3000 * (tried + 1));
    }
    return undefined;
  }

  #id(): string {
    const { scheduler } = this.#world;
    return uuid7({ now_ms: () => Math.floor(scheduler.now_ms()), monotonic_ms: () => scheduler.now_ms() }, scheduler.random);
  }
}

const AGAIN: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'INTERNAL', 'CANCELLED']);
