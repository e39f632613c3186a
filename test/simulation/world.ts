/** Everything of one seed: processes of four services on simulated stores, the outside world, travellers and the oracle. */
import { serviceDateAt } from '#kit/base/time.ts';
import { FailureError, type Result } from '#kit/base/result.ts';
import type { ChangeQuote } from '../../services/aftersales/domain/change_quote.ts';
import type { Quote } from '../../services/aftersales/domain/quote.ts';
import type { Order } from '../../services/order/domain/order.ts';
import type { DeadLetters } from '../../services/payment/app/ports.ts';
import { reconcileStatement, type StatementDifference } from '../../services/payment/app/reconcile.ts';
import { takeCallback } from '../../services/payment/app/take_callback.ts';
import { Faults, type FaultCounts } from './faults.ts';
import { AftersalesDb } from './memory/aftersales_store.ts';
import { SimBus } from './memory/bus.ts';
import { OrderDb } from './memory/order_db.ts';
import { PaymentDb } from './memory/payment_db.ts';
import { memoryPaymentRefundStore } from './memory/payment_refund_store.ts';
import { memoryPaymentStore } from './memory/payment_store.ts';
import { TicketDb } from './memory/ticket_store.ts';
import { QueueRedis } from './memory/waiting_queue.ts';
import { startAftersales, type AftersalesNode } from './nodes/aftersales_node.ts';
import { startOrder, type OrderNode } from './nodes/order_node.ts';
import { startPayment, type PaymentNode } from './nodes/payment_node.ts';
import { startTicketing, type TicketingNode } from './nodes/ticketing_node.ts';
import { Oracle } from './oracle.ts';
import { SimGateway } from './outside/gateway.ts';
import { SimInventory } from './outside/inventory.ts';
import { SimRailway } from './outside/railway.ts';
import { SimTimetable } from './outside/timetable.ts';
import { travel } from './outside/traveller.ts';
import { waitForSeats } from './outside/waiter.ts';
import type { Plant } from './plant.ts';
import { asked, Net, Process, Store } from './process.ts';
import { Scheduler, START_MS } from './scheduler.ts';

type Nodes = { order: OrderNode; payment: PaymentNode; ticketing: TicketingNode; aftersales: AftersalesNode };
type Service = keyof Nodes;

/** How many processes of each service run at once. */
const PROCESSES: Readonly<Record<Service, number>> = { order: 2, payment: 2, ticketing: 2, aftersales: 2 };
const RESTART_MS = [200, 1500, 6000, 25_000] as const;
/** Faults go on for so long; what is under way then has the rest of the time to end well. */
const FAULTS_MS = 6 * 60_000;
const REST_MS = 3 * 3_600_000;
const STEPS_MAX = 120_000;
const CHAOS_MS = 2000;
const PEOPLE_MS = 60_000;
/** Once what was under way has ended by itself, as at night. */
const STATEMENT_MS = 40 * 60_000;
const CALLBACK_AGE_MS = 5 * 60_000;
const TRAVELLERS = [2, 3, 4, 6, 9, 12] as const;
/** Of people who come for what others give back; most who wait are those who got nothing. */
const WAITERS = [0, 0, 1, 3] as const;
/** A sale that opens to a crowd, or people who come one by one. */
const ARRIVALS_MS = [1000, 5000, 90_000] as const;

export type SeedResult = { seed: number; violations: string[]; counts: FaultCounts; crashes: Record<string, number>; steps: number; outcomes: Record<string, number>; trace: string[] | undefined };

export class World {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly net: Net;
  readonly plant: Plant;
  readonly stores = { order: new Store('order_mysql'), payment: new Store('payment_mysql'), ticketing: new Store('ticketing_mysql'), aftersales: new Store('aftersales_mysql'), redis: new Store('redis') };
  readonly redis: QueueRedis;
  readonly bus: SimBus;
  readonly order_db: OrderDb;
  readonly payment_db: PaymentDb;
  readonly ticket_db: TicketDb;
  readonly aftersales_db: AftersalesDb;
  readonly gateway: SimGateway;
  readonly railway: SimRailway;
  readonly inventory: SimInventory;
  readonly oracle: Oracle;
  readonly timetable: SimTimetable;
  readonly arrivals_ms: number;
  /** What waits for people. */
  readonly letters: DeadLetters & { count: number } = {
    count: 0,
    putPayment: async () => void (this.letters.count += 1),
    putRefund: async () => void (this.letters.count += 1),
  };
  /** What a consumer of PaymentSucceeded has counted. */
  takings = 0;
  /** From when on nothing goes wrong any more. */
  readonly calm_from_ms = START_MS + FAULTS_MS;
  readonly #nodes: { [S in Service]: Nodes[S][] } = { order: [], payment: [], ticketing: [], aftersales: [] };
  readonly #seed: number;
  #workers = 0;
  #travelling = 0;
  #waiting = 0;
  #sleeping: (() => void)[] = [];

  constructor(seed: number, { plant = {}, traced = false }: { plant?: Plant; traced?: boolean } = {}) {
    this.#seed = seed;
    this.plant = plant;
    this.scheduler = new Scheduler(seed, { traced });
    this.faults = new Faults(this.scheduler);
    this.net = new Net(this.scheduler, this.faults);
    const now_ms = (): number => this.scheduler.now_ms();
    this.redis = new QueueRedis(now_ms);
    this.bus = new SimBus(this.net);
    this.order_db = new OrderDb(now_ms);
    this.payment_db = new PaymentDb(now_ms, (type, what) => this.bus.append(type, String(what.order_id), what));
    this.ticket_db = new TicketDb(now_ms);
    this.aftersales_db = new AftersalesDb(now_ms);
    this.gateway = new SimGateway(this.net);
    this.railway = new SimRailway(this.net);
    this.timetable = new SimTimetable(this.scheduler);
    this.inventory = new SimInventory(this.net, this.timetable.runs, (order_id, hold_id) => needsHold(this.order_db.orders.get(order_id), hold_id));
    this.arrivals_ms = this.scheduler.pick(ARRIVALS_MS);
    this.oracle = new Oracle(this);
    this.gateway.take = ({ channel, raw, nonce, signed_ms }) => this.rpc(undefined, 'payment', 'callback', CALLBACK_MS, ({ payments, process }) => takeCallback(payments, channel, raw, { nonce, fresh: Math.abs(process.clock.now_ms() - signed_ms) <= CALLBACK_AGE_MS }));
    this.plant.kept?.(this.inventory.kept);
    this.inventory.kept.onKept = (run_id) => {
      if (!this.faults.hits('signal_lost')) this.scheduler.after(this.net.latency_ms(), () => this.#keptSignal(run_id));
    };
    this.gateway.onAcknowledged = (trade) => this.oracle.acknowledged(trade);
  }

  async run(): Promise<SeedResult> {
    for (const service of Object.keys(PROCESSES) as Service[]) for (let count = 0; count < PROCESSES[service]; count += 1) this.#start(service);
    for (const consumer of ['order', 'aftersales'] as const) this.bus.subscribe({ name: `${consumer}-payments`, deliver: (event) => this.#alive(consumer)?.takeEvent(event) });
    const travellers = this.scheduler.pick(TRAVELLERS);
    this.#travelling = travellers;
    for (let index = 0; index < travellers; index += 1) void this.#travel(index);
    const waiters = this.scheduler.pick(WAITERS);
    for (let index = travellers; index < travellers + waiters; index += 1) this.#waits(index);
    this.#chaos();
    await this.scheduler.run(START_MS + FAULTS_MS, STEPS_MAX);
    this.#heal();
    const ended = await this.scheduler.run(START_MS + FAULTS_MS + REST_MS, STEPS_MAX);
    if (ended !== 'idle') this.oracle.fault(`it never comes to rest (${ended})`);
    this.oracle.judge(await this.#statement());
    return { seed: this.#seed, violations: this.oracle.violations, counts: this.faults.counts, crashes: this.faults.crashes, steps: this.scheduler.steps(), outcomes: this.oracle.outcomes(), trace: this.scheduler.trace };
  }

  /** A call of a service, taken by one of its processes. Its refusals and its being away are answers. */
  rpc<S extends Service, T>(from: Process | undefined, service: S, label: string, timeout_ms: number, handle: (node: Nodes[S]) => Promise<Result<T>>): Promise<Result<T>> {
    return asked(this.net.call(from, `${service}.${label}`, timeout_ms, () => {
      const node = this.#alive(service);
      if (node === undefined) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE', detail: `no process of ${service}` });
      return new Promise<Result<T>>((resolve, reject) => node.process.go(() => void handle(node).then(resolve, reject)));
    }));
  }

  others<S extends Service>(service: S, process: Process): Nodes[S][] {
    return this.#nodes[service].filter((node) => node.process !== process && node.process.alive);
  }

  /** Loops that only look whether there is something to do rest while there can't be. */
  untilBusy(): Promise<void> {
    if (this.#isBusy()) return Promise.resolve();
    return new Promise((resolve) => void this.#sleeping.push(resolve));
  }

  /** One person may be a passenger of several accounts: the last three digits name the person. */
  personOf(passenger_id: string): string {
    return `person-${Number(passenger_id) % 1000}`;
  }

  readonly quote_tokens = tokens<Quote>();
  readonly change_tokens = tokens<ChangeQuote>();

  #alive<S extends Service>(service: S): Nodes[S] | undefined {
    const alive = this.#nodes[service].filter(({ process }) => process.alive);
    return alive.length === 0 ? undefined : this.scheduler.pick(alive);
  }

  /** One process of aftersales hears it. */
  #keptSignal(run_id: string): void {
    const node = this.#alive('aftersales');
    node?.process.go(() => node.standby.matcher.wake(run_id));
  }

  #start(service: Service): void {
    this.#workers += 1;
    const process = new Process(`${service}-${this.#workers}`, this.scheduler);
    process.onEnd = () => void this.scheduler.after(this.scheduler.pick(RESTART_MS), () => this.#start(service));
    const nodes: { [S in Service]: (world: World, process: Process, worker: number) => Nodes[S] } = { order: startOrder, payment: startPayment, ticketing: startTicketing, aftersales: startAftersales };
    this.#nodes[service] = [...this.#nodes[service].filter((node) => node.process.alive), nodes[service](this, process, this.#workers)] as never;
    this.#wake();
  }

  async #travel(index: number): Promise<void> {
    await travel(this, index, () => this.#waits(index)).catch((error: unknown) => this.oracle.fault(`traveller ${index}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
    this.#travelling -= 1;
  }

  /** Who waits for seats that others give back needs no queue of order to be served. */
  #waits(index: number): void {
    this.#waiting += 1;
    void waitForSeats(this, index)
      .catch((error: unknown) => this.oracle.fault(`${index} who waits: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`))
      .finally(() => (this.#waiting -= 1));
  }

  #isBusy(): boolean {
    if (this.#travelling > 0) return true;
    for (const { state } of this.order_db.entries.values()) if (state === 'WAITING' || state === 'PROCESSING') return true;
    return false;
  }

  #wake(): void {
    const sleeping = this.#sleeping;
    this.#sleeping = [];
    for (const wake of sleeping) wake();
  }

  /** What happens without anybody calling. */
  #chaos(): void {
    this.scheduler.after(CHAOS_MS, () => {
      if (!this.faults.running()) return;
      if (this.redis.sets.size > 0 && this.faults.hits('redis_wiped')) {
        this.scheduler.note('redis', '✗ wiped');
        if (this.scheduler.chance(0.5)) this.redis.wipe();
        else this.redis.failOver();
      }
      this.oracle.looksAtKept();
      if (this.inventory.hasHeld() && this.faults.hits('hold_lost')) this.inventory.loseOne();
      this.#chaos();
    });
  }

  #heal(): void {
    this.scheduler.note('world', '☀ faults end');
    this.faults.stop();
    for (const store of Object.values(this.stores)) store.down_until_ms = 0;
    for (const nodes of Object.values(this.#nodes)) for (const { process } of nodes) Object.assign(process, { skew_ms: 0, frozen_until_ms: 0 });
    this.#people();
    this.scheduler.after(STATEMENT_MS, () => void this.#statement());
  }

  /** The day's statement of the gateway against our books: takes money that nobody told of, and names what differs. */
  async #statement(): Promise<StatementDifference[]> {
    const { clock } = new Process('ops', this.scheduler);
    const payments = memoryPaymentStore(this.payment_db, { now_ms: clock.now_ms, nextId: () => 0n });
    const refunds = memoryPaymentRefundStore(this.payment_db, clock.now_ms);
    const report = await reconcileStatement({ payments, refunds, gateway: this.gateway.directly() }, serviceDateAt(START_MS));
    return report.ok ? report.value.differences : [];
  }

  /** Refunds that need people are looked after by people, who tell the gateway once more. */
  #people(): void {
    this.scheduler.after(PEOPLE_MS, () => {
      const store = memoryPaymentRefundStore(this.payment_db, () => this.scheduler.now_ms());
      let left = false;
      for (const refund of this.payment_db.refunds.values()) {
        if (refund.state !== 'MANUAL') {
          left ||= refund.state !== 'SUCCEEDED';
          continue;
        }
        const answer = this.gateway.refund(refund);
        if (answer.ok && answer.value.state === 'SUCCEEDED') void store.succeed(refund.refund_id);
        else left ||= answer.ok;
      }
      if (left || this.#waiting > 0 || this.#isBusy()) this.#people();
    });
  }
}

const CALLBACK_MS = 5000;

/** What inventory makes of an order's answer: one with an item in CHANGE needs both of its holds. */
function needsHold(order: Order | undefined, hold_id: string): boolean {
  const live = order?.items.filter(({ state }) => state !== 'CLOSED') ?? [];
  return live.some((item) => item.hold_id === hold_id || item.state === 'CHANGE');
}

function tokens<Q>(): { seal(quote: Q): string; open(token: string): Q | undefined } {
  const sealed: Q[] = [];
  return { seal: (quote) => String(sealed.push(quote) - 1), open: (token) => sealed[Number(token)] };
}
