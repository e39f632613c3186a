/** How odds are said: in a word, in percent, and in seats of ten. */
export type OddsWord = 'slim' | 'low' | 'even' | 'good' | 'high';

const WORDS: readonly (readonly [number, OddsWord])[] = [[0.1, 'slim'], [0.35, 'low'], [0.65, 'even'], [0.85, 'good']];

export function oddsWord(odds: number): OddsWord {
  return WORDS.find(([below]) => odds < below)?.[1] ?? 'high';
}

/** Never 0 or 100: an estimate is not certain of anything. */
export function oddsPercent(odds: number): number {
  return Math.min(99, Math.max(1, Math.round(odds * 100)));
}

/** Of ten requests that are told these odds, about so many succeed: 0–10. */
export function seatsOfTen(odds: number): number {
  return Math.min(10, Math.max(0, Math.round(odds * 10)));
}
