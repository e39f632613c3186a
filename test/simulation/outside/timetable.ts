/** The trains of a simulation: two of one day at different prices, which are sold out soon, and one of the day after. */
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { TrainRun } from '../../../services/order/domain/sale.ts';
import { STATIONS } from '../line.ts';
import { START_MS, type Scheduler } from '../scheduler.ts';
import type { SimRun } from './inventory.ts';

const TRAINS = [
  { train_no: 'G1', days: 0, fen: 1000 },
  { train_no: 'G2', days: 0, fen: 1300 },
  { train_no: 'G3', days: 1, fen: 1300 },
] as const;

/** How many of them people buy tickets for; the others are only changed to. */
const SOLD = 2;
const HOUR_MS = 3_600_000;
const FIRST_LEAVES_MS = 6 * HOUR_MS;

type Train = SimRun & { train_no: string; fen: number; service_date: string; departure_ms: number };

export class SimTimetable {
  readonly runs: readonly Train[];
  /** Those that people buy tickets for. */
  readonly sold: readonly Train[];

  /** The first trains leave in one day or two: from 48 hours on other rules hold for changes. */
  constructor(scheduler: Scheduler) {
    const lead_days = scheduler.pick([1, 2]);
    this.runs = TRAINS.map(({ train_no, days, fen }) => {
      const service_date = addDays(serviceDateAt(START_MS), lead_days + days);
      const departure_ms = START_MS + FIRST_LEAVES_MS + (lead_days + days) * 24 * HOUR_MS;
      return { run_id: `${train_no}.${toCompactDate(service_date)}`, train_no, fen, service_date, departure_ms, seats: scheduler.between(2, 6), segments: STATIONS.length - 1 };
    });
    this.sold = this.runs.slice(0, SOLD);
  }

  run(run_id: string): Result<TrainRun> {
    const train = this.runs.find((one) => one.run_id === run_id);
    if (train === undefined) return fail('TRAIN_RUN_NOT_FOUND');
    const { train_no, service_date, departure_ms } = train;
    const stops = STATIONS.map((station_id, index) => ({ index, station_id, name: station_id, arrival_ms: departure_ms + index * HOUR_MS, departure_ms: departure_ms + index * HOUR_MS + 60_000, distance_m: index * 100_000 }));
    return ok({ run_id, train_no, service_date, sale_state: 'OPEN', stops });
  }

  /** What a seat costs; the same for everybody. */
  fare(run_id: string, from_station_id: string, to_station_id: string): number {
    const { fen } = this.runs.find((one) => one.run_id === run_id)!;
    return fen * (STATIONS.indexOf(to_station_id as never) - STATIONS.indexOf(from_station_id as never));
  }
}
