/** Where entries stand and how long queues are: from Redis, and from the rows while Redis does not know. */
import type { Clock } from '#kit/base/clock.ts';
import { QUEUE_CAP } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import type { OrderLog, Ports } from './ports.ts';

export type Standing = { ahead: number; length: number };
type Place = { entry_id: string; run_id: string; priority: number; sequence: number };

/** A queue without Redis is read from its rows at most this often, however many ask. */
const FRESH_MS = 1000;
const RUNS_MAX = 200;

type Read = { scores: Promise<readonly number[]>; at_ms: number };

export class Places {
  readonly #ports: Pick<Ports, 'queue' | 'entries'> & { clock: Clock; log: OrderLog };
  readonly #reads = new Map<string, Read>();

  constructor(ports: Pick<Ports, 'queue' | 'entries'> & { clock: Clock; log: OrderLog }) {
    this.#ports = ports;
  }

  /** Undefined for an entry that neither Redis nor a recent look at the rows has among those who wait. */
  async standing(place: Place): Promise<Standing | undefined> {
    const known = await this.#ports.queue.standing(place.run_id, place.entry_id).catch(() => undefined);
    if (known !== undefined) return known;
    const score = scoreOf(place.priority, place.sequence);
    const { ahead, length, found } = positionIn(await this.#read(place.run_id), score);
    return found ? { ahead, length } : undefined;
  }

  /** Where an entry stands that its row says is waiting. */
  async standingOfWaiting(place: Place): Promise<Standing> {
    const known = await this.#ports.queue.standing(place.run_id, place.entry_id).catch(() => undefined);
    if (known !== undefined) return known;
    const { ahead, length, found } = positionIn(await this.#read(place.run_id), scoreOf(place.priority, place.sequence));
    // It came after the rows were read.
    return { ahead, length: found ? length : length + 1 };
  }

  /** How many wait; while Redis does not know, as the rows had it a moment ago. */
  async length(run_id: string): Promise<number> {
    const known = await this.#ports.queue.length(run_id).catch(() => undefined);
    return known ?? (await this.#read(run_id)).length;
  }

  #read(run_id: string): Promise<readonly number[]> {
    const now_ms = this.#ports.clock.monotonic_ms();
    const known = this.#reads.get(run_id);
    if (known !== undefined && now_ms - known.at_ms < FRESH_MS) return known.scores;
    if (this.#reads.size >= RUNS_MAX) this.#reads.clear();
    const scores = this.#ports.entries.waiting(run_id, QUEUE_CAP).then((entries) => entries.map(({ priority, sequence }) => scoreOf(priority, sequence)));
    const read = { scores, at_ms: now_ms };
    this.#reads.set(run_id, read);
    // A failure is not kept.
    scores.catch(() => {
      if (this.#reads.get(run_id) === read) this.#reads.delete(run_id);
    });
    return scores;
  }
}

function positionIn(scores: readonly number[], score: number): { ahead: number; length: number; found: boolean } {
  let [low, high] = [0, scores.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (scores[middle]! < score) low = middle + 1;
    else high = middle;
  }
  return { ahead: low, length: scores.length, found: scores[low] === score };
}
