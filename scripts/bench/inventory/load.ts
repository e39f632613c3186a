/** Callers of the inventory service: closed loops, which wait for their answers, and open ones, which do not. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldSeatsRequestSchema, HoldSeatsResponse } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { integerBetween, seededRandom, type Random } from '#kit/base/random.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Acknowledgements } from './acknowledged.ts';
import { HOLDS_PER_CALL, HOLDS_PER_HOT_RUN, holdRequest, randomPair, type Wish } from './mix.ts';
import type { InventoryClient } from './world.ts';

type HoldInit = MessageInitShape<typeof HoldSeatsRequestSchema>;

/** Makes wishes on random runs of many, or on one run at a time that gives way to the next as it fills. */
export class Wishes {
  readonly #random: Random;
  readonly #run_ids: readonly string[];
  readonly #hot_run_ids: readonly string[];
  #made = 0;
  #hot_made = 0;

  constructor(run_ids: readonly string[], hot_run_ids: readonly string[], seed = 20260122) {
    this.#run_ids = run_ids;
    this.#hot_run_ids = hot_run_ids;
    this.#random = seededRandom(seed);
  }

  spread(): Wish {
    return this.on(this.#run_ids[integerBetween(this.#random, 0, this.#run_ids.length - 1)]!);
  }

  /** Throws when every hot run has had its share. */
  hot(): Wish {
    const run_id = this.#hot_run_ids[Math.floor(this.#hot_made / HOLDS_PER_HOT_RUN)];
    if (run_id === undefined) throw new RangeError('no hot run is left');
    this.#hot_made += 1;
    return this.on(run_id);
  }

  on(run_id: string): Wish {
    this.#made += 1;
    return { hold_id: `bench-${this.#made}`, run_id, ...randomPair(this.#random) };
  }
}

export type Outcome = { held: number; refused: Map<string, number>; took_s: number };

/** So many callers, each with a call of 64 holds under way, for a time. */
export function batchLoop(client: InventoryClient, callers: number, for_ms: number, wish: () => Wish, acknowledged: Acknowledgements): Promise<Outcome> {
  return closedLoop(callers, for_ms, (outcome) => batchCall(client, Array.from({ length: HOLDS_PER_CALL }, wish), acknowledged, outcome));
}

/** How many of them were held; why the others were not goes to the outcome. */
export async function batchCall(client: InventoryClient, wishes: readonly Wish[], acknowledged: Acknowledgements, { refused }: Outcome): Promise<number> {
  const { results } = await client.batchHoldSeats({ requests: wishes.map(holdRequest) });
  let held = 0;
  for (const { outcome } of results) {
    if (outcome.case === 'hold') {
      acknowledged.note(outcome.value);
      held += 1;
    } else count(refused, outcome.value?.message ?? 'no outcome');
  }
  return held;
}

/** One, when it was held. `client` may be that of a bare server. */
export async function unaryHold(client: { holdSeats(request: HoldInit): Promise<HoldSeatsResponse> }, wish: Wish, acknowledged: Acknowledgements): Promise<number> {
  const { hold } = await client.holdSeats(holdRequest(wish));
  acknowledged.note(hold);
  return 1;
}

/** So many callers, each with one call under way, for a time. `ask` tells how many holds its call brought. */
export async function closedLoop(callers: number, for_ms: number, ask: (outcome: Outcome) => Promise<number>): Promise<Outcome> {
  const outcome: Outcome = { held: 0, refused: new Map(), took_s: 0 };
  const from_ms = performance.now();
  const loop = async () => {
    while (performance.now() - from_ms < for_ms) {
      const held = await heldBy(ask, outcome);
      outcome.held += held;
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
  outcome.took_s = (performance.now() - from_ms) / 1000;
  return outcome;
}

export type OpenLoopOutcome = Outcome & { offered: number; latencies_ms: number[] };

/**
 * Calls at random moments (Poisson) whatever the answers do, for a time, then waits for the last answer. A latency
 * counts from when the call was due, so being late with sending counts too.
 */
export async function openLoop(calls_per_s: number, for_ms: number, ask: (outcome: Outcome) => Promise<number>): Promise<OpenLoopOutcome> {
  const outcome: OpenLoopOutcome = { held: 0, refused: new Map(), took_s: 0, offered: 0, latencies_ms: [] };
  const random = seededRandom(20260123);
  const under_way: Promise<void>[] = [];
  const from_ms = performance.now();
  const fire = async (due_ms: number): Promise<void> => {
    const held = await heldBy(ask, outcome);
    outcome.held += held;
    if (held > 0) outcome.latencies_ms.push(performance.now() - due_ms);
  };
  for (let due_ms = from_ms; due_ms < from_ms + for_ms; due_ms += (-Math.log(1 - random.unit()) * 1000) / calls_per_s) {
    while (performance.now() < due_ms) await sleep(1);
    outcome.offered += 1;
    under_way.push(fire(due_ms));
  }
  await Promise.all(under_way);
  outcome.took_s = (performance.now() - from_ms) / 1000;
  return outcome;
}

/** A refusal is an outcome; what is none of the service's answers is thrown. */
async function heldBy(ask: (outcome: Outcome) => Promise<number>, outcome: Outcome): Promise<number> {
  try {
    return await ask(outcome);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    count(outcome.refused, error.reason ?? error.code);
    return 0;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

export function refusedText({ refused }: Outcome): string {
  return [...refused].map(([reason, times]) => `${reason} ${times}`).join(', ');
}
