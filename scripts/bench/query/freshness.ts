/** How long after a hold was committed every replica answers with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldOwner, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { integerBetween, seededRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startAll } from '#kit/run/lifecycle.ts';
import { quantile, round } from '../inventory/measure.ts';
import { SEAT_CLASS } from '../../../services/query/rpc/words.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import type { Train } from '../../../timetable/model.ts';
import type { Sizes } from './options.ts';
import type { Replica, World } from './world.ts';

const HOLDS_PER_S = 40;
const LOOK_EVERY_MS = 2;
const GIVE_UP_MS = 10_000;
const SEED = 20260126;
/** Longer than the benchmark: a hold that ran out would be another change, while answers are compared. */
const HOLD_TTL_MS = 600_000;
const SALE_AFTER_DAYS = 2;

export async function measureFreshness(world: World, first: Replica, { holds }: Sizes): Promise<Record<string, unknown>> {
  const second = await world.replica('query-second');
  const measured = await startAll(async (lifecycle) => {
    const { env } = world.stack;
    const inventory = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service: 'order', caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex') });
    lifecycle.onStop('inventory', () => inventory.close());
    const replicas = [first.address, second.address, env.QUERY_ADDRESS!].map((address) => {
      const client = createClient(QueryService, { address, service: 'bench' });
      lifecycle.onStop('query', () => client.close());
      return client;
    });
    const date = addDays(serviceDateAt(Date.now()), SALE_AFTER_DAYS);
    const trains = world.timetable.trains.filter((train) => runsOn(train.service, date));
    const random = seededRandom(SEED);
    const one = async (number: number): Promise<number> => {
      const train = trains[integerBetween(random, 0, trains.length - 1)]!;
      const { run_id, from, to, seat_class } = tripOf(train, date);
      const { hold } = await inventory.holdSeats({ holdId: `fresh-${number}`, runId: run_id, fromStationId: from, toStationId: to, items: [{ itemId: '1', seatClasses: [SEAT_CLASS[seat_class]] }], owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS });
      const committed_ms = performance.now();
      await Promise.all(replicas.map(async (replica) => {
        while ((await replica.getAvailability({ runId: run_id, fromStationId: from, toStationId: to })).version < hold!.runVersion) {
          if (performance.now() - committed_ms > GIVE_UP_MS) throw new Error(`${run_id} was not told in ${GIVE_UP_MS} ms`);
          await sleep(LOOK_EVERY_MS);
        }
      }));
      return performance.now() - committed_ms;
    };
    const under_way: Promise<number>[] = [];
    for (let number = 0; number < holds; number += 1) {
      under_way.push(one(number));
      await sleep((-Math.log(1 - random.unit()) * 1000) / HOLDS_PER_S);
    }
    const latencies_ms = await Promise.all(under_way);
    return { figures: { freshness_p95_ms: round(quantile(latencies_ms, 0.95), 1), freshness_p50_ms: round(quantile(latencies_ms, 0.5), 1), freshness_holds: holds, freshness_replicas: replicas.length } };
  });
  await measured.stop();
  await second.stop();
  return measured.figures;
}

function tripOf(train: Train, date: string) {
  return { run_id: `${train.train_id}.${toCompactDate(date)}`, from: train.stops[0]!.station_id, to: train.stops[1]!.station_id, seat_class: train.coaches[0]!.seat_class };
}
