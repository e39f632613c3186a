/** Exact tests for small numbers of errors, where a normal approximation misleads. */

/**
 * One-sided Fisher's exact test (Fisher 1922): how likely at least so many of all errors fall on the first of two samples, when both
 * versions fail equally often. Small means that the first one is worse.
 */
export function fisherWorse(errors: number, requests: number, other_errors: number, other_requests: number): number {
  const [all_errors, all_requests] = [errors + other_errors, requests + other_requests];
  if (requests === 0 || errors === 0) return 1;
  const most = Math.min(all_errors, requests);
  const whole = logChoose(all_requests, requests);
  return sumOf(errors, most, (count) => logChoose(all_errors, count) + logChoose(all_requests - all_errors, requests - count) - whole);
}

/** How likely at least `count` of `trials` happen when each does with this probability. */
export function binomialAtLeast(count: number, trials: number, probability: number): number {
  if (count <= 0) return 1;
  if (count > trials || probability <= 0) return 0;
  if (probability >= 1) return 1;
  return sumOf(count, trials, (hits) => logChoose(trials, hits) + hits * Math.log(probability) + (trials - hits) * Math.log1p(-probability));
}

/** Terms beyond are too small to count. */
const NEGLIGIBLE = 1e-18;

function sumOf(from: number, to: number, logTerm: (count: number) => number): number {
  let sum = 0;
  let last = -Infinity;
  for (let count = from; count <= to; count += 1) {
    const log_term = logTerm(count);
    sum += Math.exp(log_term);
    // The terms have one peak: behind it they only shrink.
    if (log_term < last && Math.exp(log_term) < NEGLIGIBLE) break;
    last = log_term;
  }
  return Math.min(1, sum);
}

function logChoose(all: number, some: number): number {
  return some < 0 || some > all ? -Infinity : logGamma(all + 1) - logGamma(some + 1) - logGamma(all - some + 1);
}

/** Lanczos' approximation with g = 7, n = 9: good to 15 digits. */
const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];

function logGamma(value: number): number {
  const shifted = value - 1;
  const t = shifted + 7.5;
  const series = LANCZOS.slice(1).reduce((sum, factor, index) => sum + factor / (shifted + index + 1), LANCZOS[0]!);
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(series);
}
