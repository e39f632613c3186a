/** People who buy while things fall over: what each of them wants, what they were told, and how it ended for them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { reasonOf } from '../../scripts/traveller/api.ts';
import { newId, Traveller, type Choice } from '../../scripts/traveller/traveller.ts';
import type { Told } from './oracle.ts';

/** What somebody in the crowd does. */
export type Role = 'keep' | 'refund' | 'cancel' | 'never_pay' | 'pay_twice' | 'walk_away';

export type Purchase = {
  /** What was killed while it was under way. */
  wave: string;
  role: Role;
  step: 'choose' | 'submit' | 'queue' | 'order' | 'pay' | 'wait' | 'refund' | 'end';
  request_id: string;
  order_id: string;
  state: OrderState;
  /** Why it ended early: a refusal's reason, or what went wrong. */
  problem: string;
  /** The problem is no refusal that a customer has to live with. */
  unexpected: boolean;
};

type Member = { traveller: Traveller; passenger: Passenger; dates: Set<string>; given_up: number; busy: boolean };
/** Where people travel from and to: stations of one train, by id. */
export type Trip = { from: string; to: string };

export type CrowdOptions = { page: () => string; trips: readonly Trip[] };

/** Three given up unpaid a day and an account has to wait (requirements: 一天 3 次). */
const GIVEN_UP_MAX = 3;
const SALE_DAYS = 13;
const STAGGER_MS = 2_500;
/** Out of ten purchases; with fifty of them every role is taken at several steps. */
const ROLES: Role[] = ['keep', 'keep', 'refund', 'never_pay', 'keep', 'cancel', 'keep', 'pay_twice', 'refund', 'never_pay'];
const WALK_AWAY_EVERY = 25;
/** Of those who could be people from before, how many are new and register while things fall over. */
const NEWCOMER_EVERY = 12;
/** The way things go: sold out, too late, already over. Everything else is a complaint. */
const LIVED_WITH = new Set(['SOLD_OUT', 'JOURNEY_OVERLAP', 'ORDER_NOT_PAYABLE', 'ORDER_NOT_CANCELLABLE', 'HOLD_EXPIRED', 'SEAT_LOCKED', 'ITEM_NOT_REFUNDABLE', 'ORDER_STATE_WRONG']);

export class Crowd {
  readonly told: Told = { submitted: [], orders: [], refunds: [], people: [] };
  /** How often each refusal was met and waited out, by code and reason. */
  readonly waited: Record<string, number> = {};
  readonly #options: CrowdOptions;
  readonly #members: Member[] = [];
  #wave_no = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Starts so many purchases, each on its own, half of them on one train and its rarest class. */
  begin(name: string, count: number): Wave {
    const date = addDays(serviceDateAt(systemClock.now_ms()), 1 + (this.#wave_no % SALE_DAYS));
    this.#wave_no += 1;
    const purchases = Array.from({ length: count }, (_, index): Purchase => ({
      wave: name,
      role: index % WALK_AWAY_EVERY === WALK_AWAY_EVERY - 1 ? 'walk_away' : ROLES[index % ROLES.length]!,
      step: 'choose', request_id: newId(), order_id: '', state: OrderState.UNSPECIFIED, problem: '', unexpected: false,
    }));
    const wave: Wave = { purchases, over: false, done: Promise.resolve() };
    const runs = purchases.map((purchase, index) => this.#run(purchase, index, date));
    wave.done = (async () => {
      await Promise.all(runs);
      wave.over = true;
    })();
    return wave;
  }

  async #run(purchase: Purchase, index: number, date: string): Promise<void> {
    let member: Member | undefined;
    try {
      await sleep(Math.random() * STAGGER_MS);
      member = await this.#member(purchase, date, index % NEWCOMER_EVERY === 0);
      await this.#buy(purchase, member, date, index % 2 === 0);
    } catch (error) {
      const reason = reasonOf(error) ?? /without an order: (\w+)/.exec(String(error))?.[1];
      purchase.problem = reason ?? (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      purchase.unexpected = reason === undefined || !LIVED_WITH.has(reason);
    } finally {
      if (member !== undefined) member.busy = false;
    }
  }

  /** Somebody from before who has nothing on that day, else somebody new. */
  async #member({ role }: Purchase, date: string, newcomer: boolean): Promise<Member> {
    const gives_up = role === 'cancel' || role === 'never_pay' || role === 'walk_away';
    const known = newcomer ? undefined : this.#members.find((one) => !one.busy && !one.dates.has(date) && (!gives_up || one.given_up < GIVEN_UP_MAX - 1));
    const member = known ?? (await this.#register());
    member.busy = true;
    member.dates.add(date);
    // Also those who mean to pay may be too late.
    if (gives_up) member.given_up += 1;
    return member;
  }

  async #register(): Promise<Member> {
    const traveller = new Traveller(this.#options.page(), { tell: (error) => this.#note(error) });
    this.told.people.push(traveller.person);
    await traveller.register();
    const passenger = await traveller.addPassenger();
    const member: Member = { traveller, passenger, dates: new Set(), given_up: 0, busy: true };
    this.#members.push(member);
    return member;
  }

  async #buy(purchase: Purchase, { traveller, passenger }: Member, date: string, hot: boolean): Promise<void> {
    const choice = await this.#choose(traveller, date, hot);
    purchase.step = 'submit';
    const token = await traveller.submit(choice, passenger, purchase.request_id);
    this.told.submitted.push({ request_id: purchase.request_id });
    purchase.step = 'queue';
    if (purchase.role === 'walk_away') return;
    const order_id = await traveller.waitInQueue(token);
    purchase.order_id = order_id;
    purchase.step = 'order';
    this.told.orders.push(order_id);
    if (purchase.role === 'cancel') await traveller.cancel(order_id);
    if (['keep', 'refund', 'pay_twice'].includes(purchase.role)) await this.#pay(purchase, traveller);
    purchase.step = 'wait';
    purchase.state = (await traveller.waitForEnd(order_id)).state;
    if (purchase.role === 'refund' && purchase.state === OrderState.SUCCESS) {
      purchase.step = 'refund';
      await traveller.refund(order_id);
      this.told.refunds.push(order_id);
      purchase.state = (await traveller.waitForEnd(order_id)).state;
    }
    purchase.step = 'end';
  }

  async #pay(purchase: Purchase, traveller: Traveller): Promise<void> {
    purchase.step = 'pay';
    const times = purchase.role === 'pay_twice' ? 2 : 1;
    const urls: string[] = [];
    for (let time = 0; time < times; time += 1) urls.push((await traveller.openPayment(purchase.order_id)).payUrl);
    await Promise.all(urls.filter((url) => url !== '').map((url) => traveller.payAtCashier(url)));
  }

  /** The crowd's train, or any; of its classes the one with the fewest places left. */
  async #choose(traveller: Traveller, date: string, hot: boolean): Promise<Choice> {
    const { trips } = this.#options;
    for (let tried = 0; ; tried += 1) {
      const { from, to } = hot && tried === 0 ? trips[0]! : trips[Math.floor(Math.random() * trips.length)]!;
      const { offers } = await traveller.ask(() => traveller.api.query.searchTrains({ from: { place: { case: 'stationId', value: from } }, to: { place: { case: 'stationId', value: to } }, date, filter: { onlyAvailable: true } }));
      const choices = offers.filter(({ saleState }) => saleState === SaleState.OPEN).flatMap((offer) => offer.classes.filter(({ remaining }) => remaining > 0).map((one) => ({ offer, seat_class: one.seatClass, remaining: one.remaining })));
      const rarest = choices.toSorted((left, right) => left.remaining - right.remaining)[0];
      if (rarest !== undefined) return rarest;
      if (tried > 20) throw new Error(`nothing is on sale on ${date}`);
    }
  }

  #note(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'socket';
    const key = reasonOf(error) ?? `code ${code}`;
    this.waited[key] = (this.waited[key] ?? 0) + 1;
  }
}

export type Wave = { purchases: Purchase[]; /** Everybody's purchase has ended. */ over: boolean; done: Promise<void> };
