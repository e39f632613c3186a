import type { Change, ChangeStage } from '../domain/change.ts';
import { moveOrder, settleOld, swapTickets } from './change_finish.ts';
import { askForDifference, awaitDifference, lock, open, pivot } from './change_forward.ts';
import type { ChangeDeps } from './change_ports.ts';
import type { ChangeStep } from './change_step.ts';
import { undo } from './change_undo.ts';
import { createStageDriver, type Driver } from './driver.ts';

export type ChangeDriver = Driver<Change>;

/** More steps than a change has. */
const STEPS_MAX = 16;
const PATIENCE_MS = 4000;

/** What each stage is followed by; the others are final. Every step may be repeated, and may end anywhere. */
const STEPS: Readonly<Partial<Record<ChangeStage, ChangeStep>>> = {
  BEGUN: open, OPENED: lock, LOCKED: askForDifference, AWAIT_PAY: awaitDifference, PAID: pivot,
  PIVOTED: swapTickets, ISSUED: moveOrder, MOVED: settleOld, UNDOING: undo,
};

export function createChangeDriver(deps: ChangeDeps): ChangeDriver {
  const { store, timers, log } = deps;
  return createStageDriver<Change>({
    name: 'change', find: (change_id) => store.find(change_id), idOf: ({ change_id }) => change_id, step: (change) => STEPS[change.stage]?.(deps, change),
    steps_max: STEPS_MAX, patience_ms: PATIENCE_MS, timers, log,
  });
}
