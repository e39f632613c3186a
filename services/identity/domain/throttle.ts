/** Guesses at a password that are free of a pause. */
export const FREE_GUESSES = 5;
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 15 * 60_000;
/** How long further guesses wait while as many as are free are under way. */
export const UNDER_WAY_MS = 2000;
/** After a day without a guess the count starts anew. */
export const GUESS_MEMORY_MS = 24 * 3_600_000;

/**
 * How long an account takes no guess after so many wrong ones in a row: 30 s after the fifth, doubling up to 15 minutes.
 * A name nobody has is counted the same way, so that the pause does not tell which names exist.
 */
export function pauseAfter_ms(failures: number): number {
  if (failures < FREE_GUESSES) return 0;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - FREE_GUESSES, 10));
}
