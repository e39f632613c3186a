/**
 * From which place on waiting is hopeless, by run (domain/hopeless.ts). The owner of a queue that makes people wait counts
 * it from the rows; every process reads it from Redis, so that positions are answered without rows. Without it there is no
 * advice, and nothing else.
 */
import type { Clock } from '#kit/base/clock.ts';
import { classSet, type Demand } from '../domain/demand.ts';
import { hopelessMarks, isHopeless, type Marks } from '../domain/hopeless.ts';
import type { Inventory } from './peers.ts';
import type { OrderLog, Ports } from './ports.ts';

/** How often the owner counts, and how often others look. */
const COUNT_MS = 3000;
const FRESH_MS = 1000;
const RUNS_MAX = 20_000;
/** More than a train has places: who comes later is not told before. */
const ENTRIES_MAX = 3000;
const UNPAID_MAX = 5000;

export type OutlookPorts = Pick<Ports, 'entries' | 'orders' | 'queue'> & { inventory: Pick<Inventory, 'free'>; clock: Clock; log: OrderLog };

export class Outlooks {
  readonly #ports: OutlookPorts;
  readonly #counted_ms = new Map<string, number>();
  readonly #known = new Map<string, { marks: Promise<Marks>; at_ms: number }>();
  /** What was wanted of a run when it was counted last: asked for first, so that its rows are read once. */
  readonly #wanted = new Map<string, readonly Stretch[]>();

  constructor(ports: OutlookPorts) {
    this.#ports = ports;
  }

  /** People wait for this run, whose queue this process owns. Never fails; does nothing when it was counted a moment ago. */
  async count(run_id: string): Promise<void> {
    const { clock, queue, log } = this.#ports;
    const now_ms = clock.monotonic_ms();
    if (now_ms - (this.#counted_ms.get(run_id) ?? -Infinity) < COUNT_MS) return;
    if (this.#counted_ms.size >= RUNS_MAX) this.#counted_ms.clear();
    this.#counted_ms.set(run_id, now_ms);
    try {
      await queue.tellOutlook(run_id, await this.#marks(run_id));
    } catch (error) {
      log.warn({ error, run_id }, 'nobody is told how likely a place is');
    }
  }

  /** False, too, when nothing is known of the run or of what the entry wants. */
  async isHopeless(run_id: string, score: number, demand: Demand | undefined): Promise<boolean> {
    return demand !== undefined && isHopeless(await this.#told(run_id), score, demand);
  }

  /** Places first and rows after them: what is held meanwhile is then seen twice, never not at all. */
  async #marks(run_id: string): Promise<Marks> {
    const { entries, orders, inventory } = this.#ports;
    const stretches = this.#wanted.get(run_id) ?? stretchesOf((await entries.demands(run_id, ENTRIES_MAX)).waiting.map(({ demand }) => demand));
    if (stretches.length === 0) return {};
    const free = (await inventory.free(run_id, stretches)).map(({ seat_class, ...more }) => ({ ...more, classes: classSet([seat_class]) }));
    const { waiting, in_flight } = await entries.demands(run_id, ENTRIES_MAX);
    const unpaid = (await orders.unpaid(run_id, UNPAID_MAX)).map(({ seat, from_index, to_index }) => ({ from_index, to_index, classes: classSet([seat.seat_class]) }));
    this.#remember(run_id, stretchesOf(waiting.map(({ demand }) => demand)));
    // What was not asked for is not known to be gone.
    const asked = new Set(stretches.map(keyOf));
    return hopelessMarks({ free, unpaid, in_flight }, waiting.filter(({ demand }) => asked.has(keyOf(demand))));
  }

  #remember(run_id: string, stretches: readonly Stretch[]): void {
    if (this.#wanted.size >= RUNS_MAX) this.#wanted.clear();
    if (stretches.length === 0) this.#wanted.delete(run_id);
    else this.#wanted.set(run_id, stretches);
  }

  #told(run_id: string): Promise<Marks> {
    const now_ms = this.#ports.clock.monotonic_ms();
    const known = this.#known.get(run_id);
    if (known !== undefined && now_ms - known.at_ms < FRESH_MS) return known.marks;
    if (this.#known.size >= RUNS_MAX) this.#known.clear();
    const marks = this.#ports.queue.outlook(run_id).then((told) => told ?? {}, () => ({}));
    this.#known.set(run_id, { marks, at_ms: now_ms });
    return marks;
  }
}

type Stretch = { from_index: number; to_index: number };

/** What is wanted, and each segment of it. */
function stretchesOf(demands: readonly Demand[]): Stretch[] {
  const stretches = new Map<string, Stretch>();
  const add = (stretch: Stretch): void => void stretches.set(keyOf(stretch), stretch);
  for (const { from_index, to_index } of demands) {
    if (stretches.has(keyOf({ from_index, to_index }))) continue;
    for (let segment = from_index; segment < to_index; segment += 1) add({ from_index: segment, to_index: segment + 1 });
    add({ from_index, to_index });
  }
  return [...stretches.values()];
}

function keyOf({ from_index, to_index }: Stretch): string {
  return `${from_index}-${to_index}`;
}
