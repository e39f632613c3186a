/**
 * The odds that a request is served before its deadline, from what was measured: how many seats came back by time before
 * departure, and how often requests that were told some odds succeeded. A model alone is never calibrated; the measured outcomes
 * correct it (isotonic regression: Ayer et al., 1955; for probabilities Zadrozny and Elkan, 2002).
 */

/** Seats given back an hour on one run, by hours left before departure; ordered by `until_hours`, the last has no end. */
export type ReleaseRate = { until_hours: number; seats_per_hour: number };

const HOUR_MS = 3_600_000;

/** Seats that will be given back between two instants. */
export function expectedSeats(rates: readonly ReleaseRate[], { now_ms, until_ms, departure_ms }: { now_ms: number; until_ms: number; departure_ms: number }): number {
  const nearest = Math.max(0, (departure_ms - until_ms) / HOUR_MS);
  const furthest = (departure_ms - now_ms) / HOUR_MS;
  let [seats, from] = [0, 0];
  for (const { until_hours, seats_per_hour } of rates) {
    seats += seats_per_hour * Math.max(0, Math.min(furthest, until_hours) - Math.max(nearest, from));
    from = until_hours;
  }
  return seats;
}

/** What the odds of one wish are made of. */
export type WishOutlook = {
  /** Seats to come on the run, of the wish's classes. */
  expected_seats: number;
  /** 0–1: how often such a seat covers the stretch, alone or with what is free beside it. */
  fit_share: number;
  /** Passengers who are served before, each by such a seat. */
  passengers_ahead: number;
  /** How many want to travel together. */
  size: number;
};

/** Uncorrected: the seats come one by one (Poisson), those ahead take theirs first, then the group needs all of its own. */
export function rawOdds({ expected_seats, fit_share, passengers_ahead, size }: WishOutlook): number {
  return poissonAtLeast(expected_seats * fit_share, passengers_ahead + size);
}

/** Odds that any of several succeeds, as if they had nothing to do with one another; what that is wrong by, calibration corrects. */
export function oddsOfAny(odds: readonly number[]): number {
  return 1 - odds.reduce((none, one) => none * (1 - one), 1);
}

/** P(X ≥ k) for a Poisson variable of this mean. */
export function poissonAtLeast(mean: number, k: number): number {
  if (k <= 0) return 1;
  let log_term = -mean;
  let below = Math.exp(log_term);
  for (let count = 1; count < k; count += 1) {
    log_term += Math.log(mean) - Math.log(count);
    below += Math.exp(log_term);
  }
  return mean <= 0 ? 0 : Math.min(1, Math.max(0, 1 - below));
}

/** From `raw_from` on, up to the next step, so many succeeded. Ordered by `raw_from`; `odds` never fall. */
export type Calibration = readonly { raw_from: number; odds: number }[];

export type Outcome = { raw: number; succeeded: boolean };

/** Outcomes in a step at least, so that a step does not tell chance. */
const STEP_MIN = 50;

/** The best steps that never fall (pool adjacent violators). Without outcomes odds are told as the model has them. */
export function fitCalibration(outcomes: readonly Outcome[]): Calibration {
  const ordered = outcomes.toSorted((left, right) => left.raw - right.raw);
  const blocks: { raw_from: number; succeeded: number; count: number }[] = [];
  for (let start = 0; start < ordered.length; start += STEP_MIN) {
    const step = ordered.slice(start, start + STEP_MIN);
    blocks.push({ raw_from: step[0]!.raw, succeeded: step.filter(({ succeeded }) => succeeded).length, count: step.length });
    while (blocks.length > 1 && shareOf(blocks.at(-2)!) >= shareOf(blocks.at(-1)!)) {
      const last = blocks.pop()!;
      const before = blocks.at(-1)!;
      before.succeeded += last.succeeded;
      before.count += last.count;
    }
  }
  return blocks.map((block) => ({ raw_from: block.raw_from, odds: shareOf(block) }));
}

export function calibrated(calibration: Calibration, raw: number): number {
  const step = calibration.findLast(({ raw_from }) => raw_from <= raw) ?? calibration[0];
  return step?.odds ?? raw;
}

/** As if one more had succeeded and one more failed: nothing is told as certain (Laplace's rule). */
function shareOf({ succeeded, count }: { succeeded: number; count: number }): number {
  return (succeeded + 1) / (count + 2);
}
