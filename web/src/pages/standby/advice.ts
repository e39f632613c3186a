/** What one can do about a refusal, beyond what its sentence says. */
export type Advice = 'buy' | 'overlap' | 'later' | 'other_train' | 'passengers';

const ADVICE: Readonly<Record<string, Advice>> = {
  STANDBY_NOT_NEEDED: 'buy', JOURNEY_OVERLAP: 'overlap', DEADLINE_IN_PAST: 'later',
  TRAIN_DEPARTED: 'other_train', SALE_CLOSED: 'other_train', RUN_CANCELLED: 'other_train', TRAIN_RUN_NOT_FOUND: 'other_train', STOPS_NOT_ON_RUN: 'other_train', SEAT_CLASS_UNKNOWN: 'other_train',
  REAL_NAME_REQUIRED: 'passengers', REAL_NAME_REJECTED: 'passengers', PASSENGER_NOT_FOUND: 'passengers',
};

export function adviceFor(reason: string | undefined): Advice | undefined {
  return reason === undefined ? undefined : ADVICE[reason];
}
