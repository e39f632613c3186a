/** Holds at the Redis layer: the service's SeatStore against a private Redis, beside plain SETs of the same Redis. */
import { seededRandom, integerBetween, type Random } from '#kit/base/random.ts';
import { openRedis, type RedisClient } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { SeatStore } from '../../../services/inventory/app/ports.ts';
import type { RunHeader } from '../../../services/inventory/domain/run.ts';
import { openSeatStore } from '../../../services/inventory/store/seats.ts';
import { say } from '../../say.ts';
import { cpuOf } from './cpu.ts';
import { HOLDS_PER_CALL, HOLDS_PER_HOT_RUN, plannedHold, randomPair, runHeader, trainName } from './mix.ts';
import { median, ratioOf, round } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { EPOCH, openBuckets, openFreeRuns } from './seat_runs.ts';
import { startServers, type Servers } from './servers.ts';
import { benchmarkSets } from './set_base.ts';

const CALLS_IN_FLIGHT = 4;
/** As many as a tick of the service holds at most. */
const TICK_HOLDS = 256;
/** Enough for a round at 80,000 holds a second. */
const HOT_RUNS_PER_ROUND = 54;
/** How long one call of ours may wait behind the others when the machine is busy. */
const TIMEOUT_MS = 20_000;

export async function measureRedis({ sizes, keep }: BenchOptions): Promise<Record<string, unknown>> {
  const servers = await startServers({ redis: true }, keep);
  const redis = await openRedis({ url: servers.redis_url!, log: silentLog(), service: 'bench', command_timeout_ms: TIMEOUT_MS });
  try {
    const seats = await openSeatStore(redis.client);
    await openBuckets(seats);
    const memory_before = await usedMemory(redis.client);
    const runs = Array.from({ length: sizes.runs }, (_, index) => runHeader(trainName('G', index), index + 1));
    await openFreeRuns(seats, runs);
    const opened_bytes = (await usedMemory(redis.client)) - memory_before;
    const layer = new RedisLayer(servers, redis.client, seats, runs);
    await layer.warm();
    for (let number = 1; number <= sizes.rounds; number += 1) {
      await layer.round(sizes.round_ms);
      say(`redis, round ${number} of ${sizes.rounds}: ${layer.lastRound()}`, `redis，第 ${number}/${sizes.rounds} 轮：${layer.lastRound()}`);
    }
    return { ...layer.fields(), redis_mib_per_1000_runs: round((opened_bytes / 2 ** 20) * (1000 / runs.length), 1) };
  } finally {
    await redis.close();
    await servers.stop();
  }
}

type Rates = { set: number[]; spread: number[]; tick: number[]; hot: number[]; redis_us: BySubject; function_us: BySubject };
type BySubject = Record<'spread' | 'tick' | 'hot', number[]>;

class RedisLayer {
  readonly #servers: Servers;
  readonly #client: RedisClient;
  readonly #seats: SeatStore;
  readonly #by_bucket: (readonly RunHeader[])[];
  readonly #runs: readonly RunHeader[];
  readonly #random: Random = seededRandom(20260121);
  readonly #rates: Rates = { set: [], spread: [], tick: [], hot: [], redis_us: { spread: [], tick: [], hot: [] }, function_us: { spread: [], tick: [], hot: [] } };
  #holds = 0;
  #hot_runs = 0;
  #sets_per_round = 20_000;

  constructor(servers: Servers, client: RedisClient, seats: SeatStore, runs: readonly RunHeader[]) {
    this.#servers = servers;
    this.#client = client;
    this.#seats = seats;
    this.#runs = runs;
    this.#by_bucket = [...Map.groupBy(runs, ({ bucket }) => bucket).values()];
  }

  /** Every run has been used once, and every path of code has been compiled. */
  async warm(): Promise<void> {
    for (const of_bucket of this.#by_bucket) await this.#call([of_bucket]);
    await this.#setRound();
    this.#rates.set.length = 0;
  }

  /** A base and a subject by turns: what else the machine does meets both. */
  async round(for_ms: number): Promise<void> {
    const { set } = this.#rates;
    await this.#setRound();
    await this.#subject('spread', for_ms, () => this.#call([this.#anyBucket()]));
    const hot = await this.#freshRuns();
    await this.#subject('hot', for_ms, () => this.#hotCall(hot));
    await this.#subject('tick', for_ms / 2, () => this.#tickCall());
    this.#sets_per_round = Math.ceil(set.at(-1)! * (for_ms / 1000));
  }

  lastRound(): string {
    const { set, spread, hot } = this.#rates;
    return `SET ${round(set.at(-1)!)}/s, spread ${round(spread.at(-1)!)}/s, hot ${round(hot.at(-1)!)}/s`;
  }

  fields(): Record<string, unknown> {
    const { set, spread, tick, hot, redis_us, function_us } = this.#rates;
    const medians = (values: BySubject) => Object.fromEntries(Object.entries(values).map(([name, list]) => [name, round(median(list), 1)]));
    return {
      hold_spread_ratio: ratioOf(spread, set),
      hold_hot_ratio: ratioOf(hot, set),
      hold_tick_ratio: ratioOf(tick, set),
      sets_per_s: round(median(set)),
      hold_spread_per_s: round(median(spread)),
      hold_hot_per_s: round(median(hot)),
      hold_tick_per_s: round(median(tick)),
      redis_cpu_us_per_hold: medians(redis_us),
      redis_function_us_per_hold: medians(function_us),
    };
  }

  async #setRound(): Promise<void> {
    this.#rates.set.push(await benchmarkSets(this.#servers.tools.redis!, this.#servers.redis_url!, this.#sets_per_round));
  }

  async #subject(name: 'spread' | 'tick' | 'hot', for_ms: number, call: () => Promise<number>): Promise<void> {
    const redis = { redis: this.#servers.pids.redis! };
    const function_before_us = await functionTime(this.#client);
    const [cpu_before, from_ms] = [cpuOf(redis).redis!, performance.now()];
    let [holds, more] = [0, true];
    const loop = async () => {
      while (more && performance.now() - from_ms < for_ms) {
        const held = await call();
        more &&= held > 0;
        holds += held;
      }
    };
    await Promise.all(Array.from({ length: CALLS_IN_FLIGHT }, loop));
    this.#rates[name].push(holds / ((performance.now() - from_ms) / 1000));
    this.#rates.redis_us[name].push(((cpuOf(redis).redis! - cpu_before) * 1e6) / holds);
    this.#rates.function_us[name].push(((await functionTime(this.#client)) - function_before_us) / holds);
  }

  #anyBucket(): readonly RunHeader[] {
    return this.#by_bucket[integerBetween(this.#random, 0, this.#by_bucket.length - 1)]!;
  }

  /** One Function call for each of the lists of runs, in one round trip; how many holds were placed. */
  async #call(lists: readonly (readonly RunHeader[])[], holds_per_call = HOLDS_PER_CALL): Promise<number> {
    const calls = lists.map((runs) => ({ bucket: runs[0]!.bucket, epoch: EPOCH, holds: Array.from({ length: holds_per_call }, () => this.#hold(runs)) }));
    return this.#send(calls);
  }

  /** As the service calls: a whole tick spread over the buckets, few holds each. */
  async #tickCall(): Promise<number> {
    const holds = Array.from({ length: TICK_HOLDS }, () => this.#hold(this.#runs));
    return this.#send([...Map.groupBy(holds, ({ run }) => run.bucket)].map(([bucket, of_bucket]) => ({ bucket, epoch: EPOCH, holds: of_bucket })));
  }

  /** 0 when the runs of the round are used up. */
  async #hotCall(hot: { run: RunHeader; left: number }[]): Promise<number> {
    const now = hot.find(({ left }) => left > 0);
    if (now === undefined) return 0;
    now.left -= HOLDS_PER_CALL;
    return this.#call([[now.run]]);
  }

  #hold(runs: readonly RunHeader[]) {
    this.#holds += 1;
    return plannedHold(runs[integerBetween(this.#random, 0, runs.length - 1)]!, `hold-${this.#holds}`, randomPair(this.#random));
  }

  async #send(calls: Parameters<SeatStore['hold']>[0]): Promise<number> {
    let held = 0;
    for (const reply of await this.#seats.hold(calls)) {
      if (reply.status !== 'OK') throw new Error(`a call was answered ${reply.status}`);
      for (const { status } of reply.outcomes) if (status === 'HELD') held += 1;
    }
    return held;
  }

  async #freshRuns(): Promise<{ run: RunHeader; left: number }[]> {
    const runs = Array.from({ length: HOT_RUNS_PER_ROUND }, () => runHeader(trainName('H', (this.#hot_runs += 1)), 100_000 + this.#hot_runs));
    await openFreeRuns(this.#seats, runs);
    return runs.map((run) => ({ run, left: HOLDS_PER_HOT_RUN }));
  }
}

/** Microseconds that Redis has spent inside Functions: the rest of its time is reading, answering and the append-only file. */
async function functionTime(client: RedisClient): Promise<number> {
  const info = String(await client.call('INFO', 'commandstats'));
  return Number(/^cmdstat_fcall:.*?usec=(\d+)/m.exec(info)?.[1] ?? 0);
}

async function usedMemory(client: RedisClient): Promise<number> {
  const info = String(await client.call('INFO', 'memory'));
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}
