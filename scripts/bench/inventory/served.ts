/** A run is sold out while some give their places back: which share of the wishes is served, by what chooses the seat. */
import { seededRandom, integerBetween } from '#kit/base/random.ts';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { SeatStore } from '../../../services/inventory/app/ports.ts';
import type { RunLayout } from '../../../services/inventory/domain/layout.ts';
import type { RunHeader } from '../../../services/inventory/domain/run.ts';
import { openSeatStore } from '../../../services/inventory/store/seats.ts';
import { say } from '../../say.ts';
import { round } from './measure.ts';
import { LAYOUT, plannedHold, randomPair, runHeader, SMALL_LAYOUT, trainName } from './mix.ts';
import { optimumBounds, type Trip } from './optimum.ts';
import type { BenchOptions } from './options.ts';
import { EPOCH, openBuckets, openFreeRuns } from './seat_runs.ts';
import { startServers } from './servers.ts';

/** A third more than fill a run at its middle, which takes 1.9 for each seat. */
const WISHES_PER_SEAT = 2.5;
const CANCELLED_SHARE = 0.1;
/** Who cancels does so before so many more have come, for each seat. */
const CANCELS_WITHIN_PER_SEAT = 0.5;
const TIMEOUT_MS = 20_000;

/** `cancels_at`: the wish before whose turn the place is given back, if it was served. */
type Arrival = Trip & { cancelled: boolean; cancels_at: number };

/** What chooses a seat: undefined when the trip is refused, else how to give it back. */
type Chooser = (arrival: Arrival, number: number) => Promise<(() => Promise<void>) | undefined>;

export async function measureServed({ sizes, keep }: BenchOptions): Promise<Record<string, unknown>> {
  const servers = await startServers({ redis: true }, keep);
  const redis = await openRedis({ url: servers.redis_url!, log: silentLog(), service: 'bench', command_timeout_ms: TIMEOUT_MS });
  try {
    const seats = await openSeatStore(redis.client);
    await openBuckets(seats);
    const small = await shares(seats, SMALL_LAYOUT, sizes.simulations);
    const large = await shares(seats, LAYOUT, Math.ceil(sizes.simulations / 10));
    return {
      served_best_fit: small.best_fit, served_first_fit: small.first_fit, served_optimum: small.optimum,
      served_optimum_at_least: small.optimum_at_least, served_seats: SMALL_LAYOUT.seat_count, served_of_1000_seats: large,
    };
  } finally {
    await redis.close();
    await servers.stop();
  }
}

type Shares = { best_fit: number; first_fit: number; optimum: number; optimum_at_least: number };

async function shares(seats: SeatStore, layout: RunLayout, simulations: number): Promise<Shares> {
  const sums = { wishes: 0, best: 0, first: 0, at_most: 0, at_least: 0 };
  for (let number = 1; number <= simulations; number += 1) {
    const arrivals = arrivalsOf(number, layout.seat_count);
    const run = runHeader(trainName(`S${layout.seat_count}N`, number), number, layout);
    await openFreeRuns(seats, [run]);
    const bounds = optimumBounds(arrivals, layout.seat_count);
    sums.best += await simulate(arrivals, bestFit(seats, run));
    sums.first += await simulate(arrivals, firstFit(layout.seat_count));
    sums.wishes += arrivals.length;
    sums.at_most += bounds.at_most;
    sums.at_least += bounds.at_least;
  }
  const { wishes, best, first, at_most } = sums;
  say(`sold out, ${layout.seat_count} seats: best fit ${best}, first fit ${first}, at most ${at_most} of ${wishes}`, `售罄模拟，${layout.seat_count} 席：最佳适配 ${best}，首次适配 ${first}，上限 ${at_most}，共 ${wishes}`);
  const share = (served: number) => round(served / wishes, 4);
  return { best_fit: share(best), first_fit: share(first), optimum: share(at_most), optimum_at_least: share(sums.at_least) };
}

function arrivalsOf(seed: number, seats: number): Arrival[] {
  const random = seededRandom(seed);
  return Array.from({ length: WISHES_PER_SEAT * seats }, (_, number) => {
    const cancelled = random.unit() < CANCELLED_SHARE;
    return { ...randomPair(random), cancelled, cancels_at: number + integerBetween(random, 1, CANCELS_WITHIN_PER_SEAT * seats) };
  });
}

/** How many are served when they come one after the other. */
async function simulate(arrivals: readonly Arrival[], choose: Chooser): Promise<number> {
  const due = new Map<number, (() => Promise<void>)[]>();
  let served = 0;
  for (const [number, arrival] of arrivals.entries()) {
    for (const giveBack of due.get(number) ?? []) await giveBack();
    const giveBack = await choose(arrival, number);
    if (giveBack === undefined) continue;
    served += 1;
    if (arrival.cancelled) due.set(arrival.cancels_at, [...(due.get(arrival.cancels_at) ?? []), giveBack]);
  }
  return served;
}

/** The product's own: the Redis Function. */
function bestFit(seats: SeatStore, run: RunHeader): Chooser {
  return async (arrival, number) => {
    const hold = plannedHold(run, `served-${run.run_id}-${number}`, arrival);
    const [reply] = await seats.hold([{ bucket: run.bucket, epoch: EPOCH, holds: [hold] }]);
    if (reply?.status !== 'OK') throw new Error(`a hold was answered ${reply?.status}`);
    const [outcome] = reply.outcomes;
    if (outcome?.status !== 'HELD') return undefined;
    return async () => {
      const { status } = await seats.release(run, EPOCH, { hold_id: hold.hold_id, owner: hold.owner, seat_version: outcome.seat_version, freed: 'ALL', stays: [] });
      if (status !== 'OK') throw new Error(`a release was answered ${status}`);
    };
  };
}

/** A model: the first seat that is free on the whole trip. */
function firstFit(seats: number): Chooser {
  const taken = new Uint32Array(seats);
  return async ({ from, to }) => {
    const mask = ((1 << (to - from)) - 1) << from;
    const seat = taken.findIndex((segments) => (segments & mask) === 0);
    if (seat < 0) return undefined;
    taken[seat]! |= mask;
    return async () => void (taken[seat]! &= ~mask);
  };
}
