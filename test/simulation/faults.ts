/**
 * What goes wrong in a simulation, how often, and how often it did. Each seed draws its own mixture (swarm testing:
 * Groce et al., ISSTA 2012): with everything at once most runs would die of the same few faults.
 */
import type { Scheduler } from './scheduler.ts';

export const FAULTS = [
  'process_crash', 'request_lost', 'answer_lost', 'answer_slow', 'store_outage', 'commit_unknown', 'redis_wiped', 'redis_outage', 'process_frozen', 'lease_lost', 'clock_jump',
  'event_delayed', 'event_repeated', 'event_reordered', 'callback_lost', 'callback_delayed', 'callback_repeated', 'callback_reordered', 'callback_wrong_amount', 'callback_replayed',
  'gateway_refused', 'gateway_down', 'refund_slow', 'railway_refused', 'railway_down', 'hold_lost', 'inventory_closed',
  'payment_late', 'payment_double', 'cancel_pay_race', 'request_repeated', 'journey_overlap', 'left_queue',
  'aftersales_crash', 'refund_repeated', 'change_repeated', 'change_twice', 'change_refund_race', 'change_given_up', 'difference_late',
  'standby_repeated', 'standby_given_up', 'standby_overlap', 'signal_lost',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What befalls only those who have a ticket and want something else. */
export const AFTER_SALES_FAULTS: ReadonlySet<Fault> = new Set(['refund_repeated', 'change_repeated', 'change_twice', 'change_refund_race', 'change_given_up', 'difference_late', 'standby_repeated', 'standby_given_up', 'standby_overlap', 'signal_lost']);

export type FaultCounts = Record<Fault, number>;

export function noFaults(): FaultCounts {
  return Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as FaultCounts;
}

/** Share of occasions at which each happens when a seed has it; travellers' doings are shares of travellers. */
const RATES: Readonly<Record<Fault, number>> = {
  process_crash: 0.006,
  request_lost: 0.02,
  answer_lost: 0.02,
  answer_slow: 0.02,
  store_outage: 0.004,
  commit_unknown: 0.012,
  redis_wiped: 0.03,
  redis_outage: 0.03,
  process_frozen: 0.004,
  lease_lost: 0.03,
  clock_jump: 0.006,
  event_delayed: 0.3,
  event_repeated: 0.3,
  event_reordered: 0.4,
  callback_lost: 0.3,
  callback_delayed: 0.35,
  callback_repeated: 0.3,
  callback_reordered: 0.4,
  callback_wrong_amount: 0.35,
  callback_replayed: 0.3,
  gateway_refused: 0.15,
  gateway_down: 0.05,
  refund_slow: 0.8,
  railway_refused: 0.25,
  railway_down: 0.1,
  hold_lost: 0.06,
  inventory_closed: 0.2,
  payment_late: 0.35,
  payment_double: 0.3,
  cancel_pay_race: 0.35,
  request_repeated: 0.25,
  journey_overlap: 0.3,
  left_queue: 0.25,
  // Seldom called, and each of its calls is a step that somebody may end at.
  aftersales_crash: 0.04,
  refund_repeated: 0.5,
  change_repeated: 0.5,
  change_twice: 0.5,
  change_refund_race: 0.5,
  change_given_up: 0.5,
  difference_late: 0.5,
  standby_repeated: 0.4,
  standby_given_up: 0.4,
  standby_overlap: 0.3,
  signal_lost: 0.3,
};

/** How likely a seed has a kind of fault at all. */
const HAS_SHARE = 0.5;
/** And how likely it has none of them: the plain road must lead somewhere, too. */
const CALM_SHARE = 0.03;

export class Faults {
  readonly #scheduler: Scheduler;
  readonly #rates = new Map<Fault, number>();
  readonly counts: FaultCounts = noFaults();
  /** Where processes ended: `aftersales before inventory.hold`. */
  readonly crashes: Record<string, number> = {};
  #on = true;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    const calm = scheduler.chance(CALM_SHARE);
    for (const fault of FAULTS) {
      const has = !calm && scheduler.chance(HAS_SHARE);
      this.#rates.set(fault, has ? RATES[fault] * scheduler.pick([0.5, 1, 2]) : 0);
    }
  }

  /** True when the fault happens at this occasion; counted. */
  hits(fault: Fault): boolean {
    const rate = this.#rates.get(fault)!;
    if (!this.#on || rate === 0 || !this.#scheduler.chance(rate)) return false;
    this.counts[fault] += 1;
    return true;
  }

  /** `process`: its service and a number. */
  crashed(process: string, point: string): void {
    const where = `${process.replace(/-\d+$/, '')} ${point}`;
    this.crashes[where] = (this.crashes[where] ?? 0) + 1;
  }

  /** From now on nothing goes wrong any more. */
  stop(): void {
    this.#on = false;
  }

  running(): boolean {
    return this.#on;
  }
}
