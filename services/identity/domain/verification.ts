import type { VerifyState } from './passenger.ts';

/** What the authority said, or that it could not be asked. */
export type AuthorityAnswer = 'VERIFIED' | 'REJECTED' | 'PENDING' | 'UNREACHABLE';

const LONGEST_WAIT_MS = 10 * 60_000;
/** After this many tries (about two days) people have to look. */
export const VERIFY_TRIES = 300;

export type NextStep = { verify_state: VerifyState; wait_ms?: number };

/** Where a passenger goes after the `tries`-th answer; `wait_ms` until the authority is asked again, doubling from `first_wait_ms`. */
export function afterAnswer(answer: AuthorityAnswer, tries: number, first_wait_ms: number): NextStep {
  if (answer === 'VERIFIED' || answer === 'REJECTED') return { verify_state: answer };
  if (tries >= VERIFY_TRIES) return { verify_state: 'MANUAL' };
  return { verify_state: 'PENDING', wait_ms: Math.min(LONGEST_WAIT_MS, first_wait_ms * 2 ** Math.min(Math.max(tries, 1) - 1, 10)) };
}
