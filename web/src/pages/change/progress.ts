import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { Dictionary } from '../../i18n/zh.ts';

export type ChangeStep = keyof Dictionary['change']['steps'];

/** All steps, in the order of the walk. */
export const STEPS: readonly ChangeStep[] = ['tickets', 'ride', 'quote', 'pay', 'done'];

/** The step a change under way shows; one that is given up has left the line. */
export function stepOfStage(stage: ChangeStage): ChangeStep | undefined {
  if (stage === ChangeStage.CANCELLED) return undefined;
  return stage === ChangeStage.PIVOTED || stage === ChangeStage.DONE ? 'done' : 'pay';
}

export function stageKey(stage: ChangeStage): keyof Dictionary['change']['list']['stages'] {
  return STAGES[stage] ?? 'locked';
}

/** Nothing happens to it any more. */
export function isSettled({ stage }: Pick<Change, 'stage'>): boolean {
  return stage === ChangeStage.DONE || stage === ChangeStage.CANCELLED;
}

/** In words why it was given up. */
export function givenUpKey(reason: string): keyof Dictionary['change']['given_up']['because'] {
  return BECAUSE[reason] ?? 'unknown';
}

const STAGES: Partial<Record<ChangeStage, keyof Dictionary['change']['list']['stages']>> = {
  [ChangeStage.LOCKED]: 'locked', [ChangeStage.AWAIT_PAY]: 'await_pay', [ChangeStage.PIVOTED]: 'pivoted', [ChangeStage.DONE]: 'done', [ChangeStage.CANCELLED]: 'cancelled',
};

const BECAUSE: Record<string, keyof Dictionary['change']['given_up']['because']> = {
  CANCELLED: 'cancelled', EXPIRED: 'expired', SOLD_OUT: 'places', HOLD_EXPIRED: 'places', HOLD_NOT_FOUND: 'places', HOLD_CONFLICT: 'places', SEAT_LOCKED: 'places', QUOTE_STALE: 'quote', TICKETING_FAILED: 'ticketing',
  TICKET_NOT_VALID: 'used', TRAIN_DEPARTED: 'departed', INSPECTION_CLOSED: 'departed', RUN_CANCELLED: 'run_cancelled', TRAIN_RUN_NOT_FOUND: 'run_cancelled', JOURNEY_OVERLAP: 'overlap',
};
