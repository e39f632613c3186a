/** Who wants what: the first run draws 30 % of the demand, trips are parts of a run. */
import { systemClock } from '#kit/base/clock.ts';
import { seededRandom, systemRandom, type Random } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Buyer } from './people.ts';
import type { Plan } from './purchase.ts';
import type { Run, SeatClassShare } from './world.ts';

const HOT_SHARE = 0.3;
/** Segments of a trip, at most. */
const SEGMENTS_MAX = 4;

export class Demand {
  readonly #runs: readonly Run[];
  readonly #random: Random = seededRandom(20260121);

  constructor(runs: readonly Run[]) {
    this.#runs = runs;
  }

  planOf({ token, device_id, address, passenger_id }: Buyer): Plan {
    const random = this.#random;
    const run = random.unit() < HOT_SHARE ? this.#runs[0]! : this.#runs[Math.floor(random.unit() * this.#runs.length)]!;
    const segments = run.stations.length - 1;
    const from = Math.floor(random.unit() * segments);
    const to = Math.min(segments, from + 1 + Math.floor(random.unit() * SEGMENTS_MAX));
    return {
      token, device_id, address, passenger_id,
      run_id: run.run_id, from_station_id: run.stations[from]!, to_station_id: run.stations[to]!, seat_class: classFor(run.seat_classes, random),
      submit_id: uuid7(systemClock, systemRandom), pay_id: uuid7(systemClock, systemRandom),
    };
  }
}

/** Classes are wanted as there are seats of them. */
function classFor(classes: readonly SeatClassShare[], random: Random): number {
  let rest = random.unit() * classes.reduce((sum, { seats }) => sum + seats, 0);
  for (const { seat_class, seats } of classes) {
    if (rest < seats) return seat_class;
    rest -= seats;
  }
  return classes[0]!.seat_class;
}
