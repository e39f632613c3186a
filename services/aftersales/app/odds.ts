import type { Clock } from '#kit/base/clock.ts';
import { fitCalibration, type Calibration, type ReleaseRate } from '../domain/standby_odds.ts';
import type { Odds, StandbyMeasures } from './standby_ports.ts';

/** Odds change slowly; thousands ask for them at once. */
const LIFE_MS = 60_000;
const OUTCOMES_MAX = 5000;

export function measuredOdds(measures: StandbyMeasures, clock: Clock): Odds {
  return {
    rates: remembered(clock, (): Promise<ReleaseRate[]> => measures.rates()),
    calibration: remembered(clock, async (): Promise<Calibration> => fitCalibration(await measures.outcomes(OUTCOMES_MAX))),
  };
}

function remembered<T>(clock: Clock, read: () => Promise<T>): () => Promise<T> {
  let kept: { value: Promise<T>; until_ms: number } | undefined;
  return () => {
    if (kept === undefined || kept.until_ms <= clock.monotonic_ms()) {
      const value = read();
      kept = { value, until_ms: clock.monotonic_ms() + LIFE_MS };
      // What failed is not kept.
      value.catch(() => (kept = undefined));
    }
    return kept.value;
  };
}
