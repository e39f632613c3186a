// Redis as SeatStore: the calls of the Function library.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isRedisOutage, StoreUnavailable } from '#kit/store/errors.ts';
import type { RedisClient } from '#kit/store/redis.ts';
import { isFunctionMissing, registerLibrary, type CallOutcome, type FunctionCall, type FunctionLibrary } from '#kit/store/redis_functions.ts';
import type { BucketState, ChangeReply, Closed, HoldCall, HoldReply, PlannedHold, RunImage, SeatRecord, SeatStore, SnapshotReply } from '../app/ports.ts';
import { layoutForRedis } from '../domain/layout.ts';
import type { RunHeader } from '../domain/run.ts';
import { firstVersion, holdToWire, outcomesFromWire, placesToJson, quotasToWire, recordField, recordFromJson, recordToJson, seatsOfImage, snapshotFromWire, stateFields } from './seat_codec.ts';
import { bucketKey, layoutKey, runKeys } from './seat_keys.ts';

const LIBRARY = 'inventory_v3';
const SOURCES = ['1_bits', '2_class', '3_run', '4_choose', '5_group', '6_hold', '7_open'];

/** One library from several files, which share their local functions. */
export function librarySource(): string {
  const parts = SOURCES.map((name) => readFileSync(new URL(`functions/${name}.lua`, import.meta.url), 'utf8'));
  return `#!lua name=${LIBRARY}\n${parts.join('\n')}`;
}

/** How many runs are opened in one round trip: bounds the reply and the time Redis is busy for one caller. */
const OPEN_BATCH = 256;

export async function openSeatStore(client: RedisClient): Promise<SeatStore> {
  const library = await registerLibrary(client, { name: LIBRARY, source: librarySource() });
  return withTypedOutages(new RedisSeats(client, library));
}

/** An outage of Redis, whatever the method, is thrown as StoreUnavailable: callers are told to come back. */
function withTypedOutages(seats: SeatStore): SeatStore {
  const typed = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw isRedisOutage(error) ? new StoreUnavailable('Redis is away', { cause: error }) : error;
    }
  };
  return {
    hold: (...call) => typed(seats.hold(...call)),
    release: (...call) => typed(seats.release(...call)),
    reclaim: (...call) => typed(seats.reclaim(...call)),
    sell: (...call) => typed(seats.sell(...call)),
    setOpen: (...call) => typed(seats.setOpen(...call)),
    setQuotas: (...call) => typed(seats.setQuotas(...call)),
    snapshots: (...call) => typed(seats.snapshots(...call)),
    recordOf: (...call) => typed(seats.recordOf(...call)),
    bucketStates: (...call) => typed(seats.bucketStates(...call)),
    begin: (...call) => typed(seats.begin(...call)),
    finish: (...call) => typed(seats.finish(...call)),
    openRuns: (...call) => typed(seats.openRuns(...call)),
    repair: (...call) => typed(seats.repair(...call)),
    forgetRuns: (...call) => typed(seats.forgetRuns(...call)),
  };
}

class RedisSeats implements SeatStore {
  readonly #client: RedisClient;
  readonly #library: FunctionLibrary;
  readonly #writer = `${randomBytes(6).toString('hex')}.`;
  #stamps = 0;

  constructor(client: RedisClient, library: FunctionLibrary) {
    this.#client = client;
    this.#library = library;
  }

  async hold(calls: readonly HoldCall[]): Promise<HoldReply[]> {
    try {
      const grouped = calls.map((call) => ({ ...call, runs: [...Map.groupBy(call.holds, ({ run }) => run.run_id).values()] }));
      const replies = await this.#library.callMany(grouped.map((call) => holdCall(call, this.#stamp())));
      return replies.map((outcome, index) => holdReply(outcome, grouped[index]!));
    } catch (error) {
      if (!isRedisOutage(error)) throw error;
      return calls.map(() => ({ status: 'UNAVAILABLE' }));
    }
  }

  async release(run: RunHeader, epoch: number, { hold_id, owner, seat_version, freed, stays, to }: Parameters<SeatStore['release']>[2]): Promise<ChangeReply> {
    return this.#change('release', run, epoch, [recordField(hold_id), owner, seat_version, freed === 'ALL' ? '*' : placesToJson(freed), stays.length === 0 ? '' : placesToJson(stays), ...(to === undefined ? [] : [to])]);
  }

  async reclaim(run: RunHeader, epoch: number, record: Parameters<SeatStore['reclaim']>[2]): Promise<ChangeReply> {
    return this.#change('reclaim', run, epoch, [recordField(record.hold_id), record.owner, record.seat_version, record.body, placesToJson(record.places)]);
  }

  async sell(run: RunHeader, epoch: number, hold: Parameters<SeatStore['sell']>[2]): Promise<ChangeReply> {
    return this.#change('sell', run, epoch, [recordField(hold.hold_id), hold.owner, hold.seat_version]);
  }

  async setOpen(run: RunHeader, epoch: number, open: boolean): Promise<ChangeReply> {
    return this.#change('set_field', run, epoch, ['open', open ? 1 : 0]);
  }

  async setQuotas(run: RunHeader, epoch: number, closed: Parameters<SeatStore['setQuotas']>[2]): Promise<ChangeReply> {
    return this.#change('set_field', run, epoch, ['quotas', quotasToWire(closed)]);
  }

  async snapshots(runs: readonly { run: RunHeader; epoch: number }[], { records } = { records: false }): Promise<SnapshotReply[]> {
    const calls = runs.map(({ run, epoch }) => ({ fn: `${LIBRARY}_snapshot`, keys: [bucketKey(run.bucket), ...runKeys(run)], args: [epoch, records ? 1 : 0] }));
    const replies = await this.#library.callMany(calls, 'buffer');
    return replies.map((outcome, index): SnapshotReply => {
      const answer = answerOf(outcome);
      const status = String(answer[0]);
      return status === 'OK' ? { status, snapshot: snapshotFromWire(runs[index]!.run, answer) } : { status: status as Closed };
    });
  }

  async recordOf(run: RunHeader, hold_id: string): Promise<SeatRecord | undefined> {
    const text = await this.#client.hget(runKeys(run)[0], recordField(hold_id));
    return typeof text === 'string' ? recordFromJson(hold_id, text) : undefined;
  }

  async bucketStates(buckets: readonly number[]): Promise<(BucketState | 'AWAY' | undefined)[]> {
    const states = await Promise.all(buckets.map(async (bucket): Promise<BucketState | 'AWAY' | undefined> => {
      try {
        const [epoch, open, sequence] = await this.#client.hmget(bucketKey(bucket), 'epoch', 'open', 'sequence');
        return typeof epoch !== 'string' ? undefined : { epoch: Number(epoch), open: open === '1', sequence: BigInt(sequence ?? 0) };
      } catch (error) {
        // One master of a cluster that is away says nothing of the others.
        if (!isRedisOutage(error)) throw error;
        return 'AWAY';
      }
    }));
    if (states.length > 0 && states.every((state) => state === 'AWAY')) throw new StoreUnavailable('Redis is away');
    return states;
  }

  async begin(bucket: number, epoch: number): Promise<'OK' | 'EPOCH'> {
    return this.#bucketCall('begin', bucket, epoch);
  }

  async finish(bucket: number, epoch: number): Promise<'OK' | 'EPOCH'> {
    return this.#bucketCall('finish', bucket, epoch);
  }

  async openRuns(epochs: ReadonlyMap<number, number>, images: readonly RunImage[]): Promise<('OK' | 'EXISTS' | 'EPOCH')[]> {
    await this.#putLayouts(images);
    const statuses: ('OK' | 'EXISTS' | 'EPOCH')[] = [];
    for (let start = 0; start < images.length; start += OPEN_BATCH) {
      const calls = images.slice(start, start + OPEN_BATCH).map((image) => openCall(image, epochs.get(image.run.bucket) ?? 0, this.#stamp()));
      for (const outcome of await this.#library.callMany(calls)) statuses.push(String(answerOf(outcome)[0]) as 'OK');
    }
    return statuses;
  }

  async repair(run: RunHeader, epoch: number, version: bigint, image: RunImage): Promise<{ status: 'OK' | 'MOVED' | Closed }> {
    const keys = [bucketKey(run.bucket), ...runKeys(run)];
    const answer = (await this.#library.call({ fn: `${LIBRARY}_repair`, keys, args: [epoch, String(version), this.#stamp(), seatsOfImage(image), ...stateFields(image)] })) as unknown[];
    return { status: String(answer[0]) as 'OK' };
  }

  async forgetRuns(runs: readonly { bucket: number; run_id: string }[]): Promise<void> {
    // Keys of one run share a slot; those of several need not. UNLINK frees memory apart from the thread that serves.
    await Promise.all(runs.map((run) => this.#client.unlink(...runKeys(run))));
  }

  async #putLayouts(images: readonly RunImage[]): Promise<void> {
    const layouts = new Map(images.map(({ run }) => [layoutKey(run.bucket, run.layout.layout_hash), run.layout]));
    const calls = [...layouts].map(([key, layout]) => ({ fn: `${LIBRARY}_put_layouts`, keys: [key], args: [layoutForRedis(layout)] }));
    for (const outcome of await this.#library.callMany(calls)) answerOf(outcome);
  }

  /** No two writes have the same, whatever process makes them: what the Function keeps decoded is known by it. */
  #stamp(): string {
    this.#stamps += 1;
    return `${this.#writer}${this.#stamps.toString(36)}`;
  }

  async #change(fn: string, run: RunHeader, epoch: number, args: readonly (string | number)[]): Promise<ChangeReply> {
    const keys = [bucketKey(run.bucket), ...runKeys(run), layoutKey(run.bucket, run.layout.layout_hash)];
    const [status, version] = (await this.#library.call({ fn: `${LIBRARY}_${fn}`, keys, args: [epoch, this.#stamp(), ...args] })) as [string, string?];
    return version === undefined ? { status: status as Closed } : { status: status as 'OK', run_version: BigInt(version) };
  }

  async #bucketCall(fn: string, bucket: number, epoch: number): Promise<'OK' | 'EPOCH'> {
    const [status] = (await this.#library.call({ fn: `${LIBRARY}_${fn}`, keys: [bucketKey(bucket)], args: [epoch] })) as ['OK' | 'EPOCH'];
    return status;
  }
}

type GroupedCall = HoldCall & { runs: PlannedHold[][] };

/** The holds of a call by run, each run named once in its keys. */
function holdCall({ bucket, epoch, runs }: GroupedCall, stamp: string): FunctionCall {
  const keys = [bucketKey(bucket), ...runs.flatMap((list) => [...runKeys(list[0]!.run), layoutKey(bucket, list[0]!.run.layout.layout_hash)])];
  return { fn: `${LIBRARY}_hold`, keys, args: [epoch, stamp, JSON.stringify(runs.map((holds) => holds.map(holdToWire)))] };
}

/** The outcomes in the order of the call's holds. */
function holdReply(outcome: CallOutcome, { holds, runs }: GroupedCall): HoldReply {
  if (!outcome.ok) {
    // A server that came back empty gets its functions with the next call.
    if (isFunctionMissing(outcome.error)) return { status: 'UNAVAILABLE' };
    // An answer of Redis that is an error of the script is a bug of ours; anything else says that Redis was not reached.
    if (/^(ERR|WRONGTYPE|NOSCRIPT)/.test(outcome.error.message)) throw outcome.error;
    return { status: 'UNAVAILABLE' };
  }
  const [status, sequence, outcomes] = outcome.reply as [string, number?, string?];
  if (outcomes === undefined) return { status: status as Closed };
  const list = outcomesFromWire(outcomes);
  const by_hold = new Map(runs.flat().map((hold, index) => [hold, list[index]!]));
  return { status: 'OK', sequence: BigInt(sequence ?? 0), outcomes: holds.map((hold) => by_hold.get(hold)!) };
}

function openCall(image: RunImage, epoch: number, stamp: string): FunctionCall {
  const { run, records } = image;
  const fields = ['open', run.open ? 1 : 0, 'segments', run.segments, ...stateFields(image)];
  const holds = records.flatMap((record) => [recordField(record.hold_id), recordToJson(record)]);
  return { fn: `${LIBRARY}_open_run`, keys: [bucketKey(run.bucket), ...runKeys(run)], args: [epoch, String(firstVersion(epoch)), stamp, seatsOfImage(image), ...fields, ...holds] };
}

function answerOf(outcome: CallOutcome): unknown[] {
  if (!outcome.ok) throw outcome.error;
  return outcome.reply as unknown[];
}
