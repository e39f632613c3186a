/** A stack of its own with few train runs on sale, and the processes whose CPU is counted. */
import { mkdirSync } from 'node:fs';
import { HoldOwner, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { PassengerType, type SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient } from '#kit/rpc/client.ts';
import { generateTimetable } from '../../../timetable/generate/generate.ts';
import type { ServiceCalendar, Train } from '../../../timetable/model.ts';
import { say, step } from '../../say.ts';
import { importTimetable } from '../../stack/seed.ts';
import { startStack, type Stack } from '../../stack/up.ts';
import type { Processes } from '../inventory/cpu.ts';
import type { OrdersOptions } from './options.ts';

export type World = {
  stack: Stack;
  /** On sale; the first is the hot one. */
  runs: readonly Run[];
  /** Product, and what is reported apart. */
  product: () => Processes;
  outside: () => Processes;
};
export type Run = { run_id: string; stations: readonly string[]; seat_classes: readonly SeatClassShare[] };
export type SeatClassShare = { seat_class: SeatClass; seats: number };

const NAME = 'bench-orders';
/** The network that a stack generates by itself. */
const SEED = 1;
const SALE_AFTER_DAYS = 3;
const OPEN_TIMEOUT_MS = 300_000;
/** In the order of `rail.type.v1.SeatClass`. */
const SEAT_CLASSES = ['', 'business', 'first', 'second', 'soft_sleeper', 'hard_sleeper', 'soft_seat', 'hard_seat'];

export async function startWorld(options: OrdersOptions, name = NAME): Promise<World> {
  if (options.profile_folder !== undefined) {
    mkdirSync(options.profile_folder, { recursive: true });
    process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${options.profile_folder}`;
  }
  const stack = await startStack({
    name, reset: true, layout: options.layout, redis_fsync: 'everysec', log_level: 'warn', services: 'all',
    edge: true, trusted_hops: 1, web: false, seed: false, feed: undefined, tell: say, signal: new AbortController().signal,
  });
  delete process.env.NODE_OPTIONS;
  try {
    await step(say, 'importing the timetable', '正在导入时刻表', () => importTimetable({ env: stack.env, tell: say, signal: new AbortController().signal }));
    const runs = await step(say, `opening ${options.runs} runs`, `正在开售 ${options.runs} 个车次`, () => openRuns(stack, options.runs));
    const pids = (wanted: (name: string) => boolean): Processes => Object.fromEntries(stack.kept.filter(({ name }) => wanted(name)).map((child) => [child.name.replace('services-', ''), child.pid()!]));
    const outside = (name: string): boolean => /sandbox|railway|realname|gateway|messaging/.test(name);
    return { stack, runs, product: () => pids((name) => !outside(name)), outside: () => pids(outside) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function openRuns({ env }: Stack, count: number): Promise<Run[]> {
  const serviceDate = addDays(serviceDateAt(Date.now()), SALE_AFTER_DAYS);
  // The train with the most room is the one that most people want.
  const trains = generateTimetable({ seed: SEED }).trains.filter(({ service, stops }) => runsOn(service, serviceDate) && stops.length > 4).toSorted((left, right) => roomOf(right) - roomOf(left)).slice(0, count);
  const runs = trains.map((train): Run => ({
    run_id: `${train.train_id}.${serviceDate.replaceAll('-', '')}`,
    stations: train.stops.map(({ station_id }) => station_id),
    seat_classes: [...Map.groupBy(train.coaches, ({ seat_class }) => seat_class)].map(([name, coaches]) => ({ seat_class: SEAT_CLASSES.indexOf(name) as SeatClass, seats: coaches.reduce((sum, { seat_count }) => sum + seat_count, 0) })),
  }));
  const inventory = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service: 'ops', caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex') });
  try {
    const { refused } = await inventory.openRuns({ requestId: uuid7(systemClock, systemRandom), serviceDate, runIds: runs.map(({ run_id }) => run_id) }, { timeout_ms: OPEN_TIMEOUT_MS });
    if (refused.length > 0) throw new Error(`runs were not opened: ${refused[0]}`);
    await warm(env, runs);
    return runs;
  } finally {
    inventory.close();
  }
}

/** A run gets its seat rows with its first hold; before a sale at peak that is done in time. */
async function warm(env: Stack['env'], runs: readonly Run[]): Promise<void> {
  const inventory = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service: 'order', caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex'), default_timeout_ms: OPEN_TIMEOUT_MS });
  try {
    for (const { run_id, stations, seat_classes } of runs) {
      const holdId = uuid7(systemClock, systemRandom);
      const items = [{ itemId: '1', seatClasses: [seat_classes[0]!.seat_class], passengerType: PassengerType.ADULT }];
      await inventory.holdSeats({ holdId, runId: run_id, fromStationId: stations[0]!, toStationId: stations[1]!, items, owner: HoldOwner.ORDER });
      await inventory.releaseHold({ holdId, runId: run_id, owner: HoldOwner.ORDER, reason: 'warm' });
    }
  } finally {
    inventory.close();
  }
}

function roomOf({ stops, coaches }: Train): number {
  return (stops.length - 1) * coaches.reduce((sum, { seat_count }) => sum + seat_count, 0);
}

function runsOn({ start_date, end_date, weekdays, added_dates, removed_dates }: ServiceCalendar, date: string): boolean {
  if (added_dates.includes(date)) return true;
  const monday_first = (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;
  return date >= start_date && date <= end_date && weekdays[monday_first] === true && !removed_dates.includes(date);
}
