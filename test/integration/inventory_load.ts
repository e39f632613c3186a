// Buyers who never stop, what they were told, and an oracle that compares it with ledger and Redis from outside.
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { second, type InventoryWorld } from './inventory_world.ts';

export type LoadOptions = { world: InventoryWorld; runs: readonly { run_id: string; bucket: number }[]; stops: number; buyers: number; /** Default: the world's, without route keys. */ client?: InventoryWorld['client'] };

export type Refused = { bucket: number; reason: string; retry_after_ms: number | undefined };

/** What a caller repeats with the same id; everything else is an answer. UNAVAILABLE: the connection broke. */
const AGAIN = new Set(['UNAVAILABLE', 'SHARD_CLOSED', 'DEPENDENCY_UNAVAILABLE', 'OUTCOME_UNKNOWN', 'OVERLOADED', 'DEADLINE', 'CONFLICT']);
const PAUSE_MS = 50;
const TTL_MS = 600_000;
/** One in so many holds is given back. */
const RELEASE_EACH = 8;

export class Load {
  /** Acknowledged and not given back. */
  readonly held = new Set<string>();
  readonly released = new Set<string>();
  readonly refused: Refused[] = [];
  /** Answers that no buyer should get. */
  readonly wrong: string[] = [];
  readonly #acknowledged = new Map<number, number>();
  readonly #options: LoadOptions;
  readonly #buyers: Promise<void>[];
  #stopping = false;

  constructor(options: LoadOptions, name: string) {
    this.#options = options;
    this.#buyers = Array.from({ length: options.buyers }, (_, buyer) => this.#buy(`${name}-${buyer}`, buyer));
  }

  /** Holds acknowledged so far, of some buckets or of all. */
  acknowledged(of: (bucket: number) => boolean = () => true): number {
    if (this.wrong.length > 0) throw new Error(this.wrong[0]);
    return [...this.#acknowledged].reduce((sum, [bucket, count]) => sum + (of(bucket) ? count : 0), 0);
  }

  /** Lets every buyer get the answer to what was asked. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#buyers);
  }

  async #buy(name: string, buyer: number): Promise<void> {
    const { runs, stops, world, client = world.client } = this.#options;
    // Each keeps to one train, so that those whose bucket is closed do not stand in for the others.
    const { run_id, bucket } = runs[buyer % runs.length]!;
    const on = this.#options.client === undefined ? {} : { route_key: String(bucket) };
    for (let round = 0; !this.#stopping; round += 1) {
      const from = Math.floor(Math.random() * (stops - 1));
      const to = from + 1 + Math.floor(Math.random() * Math.min(2, stops - 1 - from));
      const hold_id = `${name}-${round}`;
      const items = Array.from({ length: 1 + (round % 3 === 0 ? 1 : 0) }, (_, item) => second(String(item + 1)));
      const request = { holdId: hold_id, runId: run_id, fromStationId: `s${from}`, toStationId: `s${to}`, items, owner: HoldOwner.ORDER, holdTtlMs: TTL_MS };
      const held = await this.#answered(bucket, () => client.holdSeats(request, on));
      if (!held) continue;
      this.held.add(hold_id);
      this.#acknowledged.set(bucket, (this.#acknowledged.get(bucket) ?? 0) + 1);
      if (round % RELEASE_EACH !== 0) continue;
      const released = await this.#answered(bucket, () => client.releaseHold({ holdId: hold_id, runId: run_id, owner: HoldOwner.ORDER, reason: 'changed my mind' }, on));
      if (!released) this.wrong.push(`${hold_id} could not be released`);
      this.held.delete(hold_id);
      this.released.add(hold_id);
    }
  }

  /** True when the call succeeded, false when it was refused for good. */
  async #answered(bucket: number, call: () => Promise<unknown>): Promise<boolean> {
    for (;;) {
      const error: unknown = await call().then(() => undefined, (failure: unknown) => failure);
      if (error === undefined) return true;
      if (!(error instanceof RpcError)) throw error;
      const reason = error.reason ?? error.code;
      if (reason === 'SOLD_OUT') return false;
      this.refused.push({ bucket, reason, retry_after_ms: error.retry_after_ms });
      if (reason === 'HOLD_CONFLICT') return false;
      if (!AGAIN.has(reason)) {
        this.wrong.push(`${reason}: ${error.message}`);
        return false;
      }
      await sleep(PAUSE_MS);
    }
  }
}

type HoldRow = { hold_id: string; run_no: bigint; state: string; places: string };
type SeatRow = { run_no: bigint; class_code: number; seat: number; occupied: bigint };

/** What the ledger has wrong, by plain SQL and counting: seats sold twice, masks that are not the sum of their holds, lost holds. */
export async function ledgerProblems({ db }: InventoryWorld, load: Pick<Load, 'held' | 'released'>): Promise<string[]> {
  const holds = await db.query<HoldRow>('SELECT hold_id, run_no, state, places FROM seat_hold');
  const seats = await db.query<SeatRow>('SELECT run_no, class_code, seat, occupied FROM seat_ledger');
  const problems: string[] = [];
  const taken = new Map<string, bigint>();
  for (const { hold_id, run_no, state, places } of holds) {
    if (state !== 'HELD' && state !== 'SOLD') continue;
    for (const [, class_code, seat, from, to] of JSON.parse(places) as [string, number, number, number, number][]) {
      const key = `${run_no}/${class_code}/${seat}`;
      const mask = ((1n << BigInt(to - from)) - 1n) << BigInt(from);
      if (((taken.get(key) ?? 0n) & mask) !== 0n) problems.push(`${key} is sold twice, once to ${hold_id}`);
      taken.set(key, (taken.get(key) ?? 0n) | mask);
    }
  }
  for (const { run_no, class_code, seat, occupied } of seats) {
    const key = `${run_no}/${class_code}/${seat}`;
    if (BigInt(occupied) !== (taken.get(key) ?? 0n)) problems.push(`${key} is ${occupied}, its holds say ${taken.get(key) ?? 0n}`);
  }
  const states = new Map(holds.map(({ hold_id, state }) => [hold_id, state]));
  for (const hold_id of load.held) if (states.get(hold_id) !== 'HELD') problems.push(`${hold_id} was acknowledged and is ${states.get(hold_id)}`);
  for (const hold_id of load.released) if (states.get(hold_id) !== 'RELEASED') problems.push(`${hold_id} was released and is ${states.get(hold_id)}`);
  return problems;
}
