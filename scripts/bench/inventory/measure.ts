/** Arithmetic of measurements. */

/** The middle value; of an even number of values the upper one of the two. NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below or at which a share of the values lies (nearest rank). NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The median of the ratios of values that were measured one right after the other. */
export function ratioOf(subjects: readonly number[], bases: readonly number[]): number {
  return round(median(subjects.map((subject, index) => subject / bases[index]!)), 3);
}

export function round(value: number, digits = 0): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/** Counts of a Prometheus histogram by upper bound, not cumulated. */
export type HistogramCounts = readonly { le: number; count: number }[];

/** Reads a histogram from Prometheus text, summed over its labels; undefined when the text has none of that name. */
export function histogramIn(text: string, name: string): HistogramCounts | undefined {
  const cumulated = new Map<number, number>();
  for (const line of text.split('\n')) {
    const match = line.startsWith(`${name}_bucket{`) ? /le="([^"]+)"[^}]*\} (\S+)/.exec(line) : null;
    if (match === null) continue;
    const le = match[1] === '+Inf' ? Infinity : Number(match[1]);
    cumulated.set(le, (cumulated.get(le) ?? 0) + Number(match[2]));
  }
  if (cumulated.size === 0) return undefined;
  let below = 0;
  return [...cumulated].toSorted(([left], [right]) => left - right).map(([le, total]) => {
    const count = total - below;
    below = total;
    return { le, count };
  });
}

/** What came to a histogram between two readings. */
export function histogramBetween(before: HistogramCounts | undefined, after: HistogramCounts): HistogramCounts {
  return after.map(({ le, count }) => ({ le, count: count - (before?.find((bucket) => bucket.le === le)?.count ?? 0) }));
}

/** A quantile of a histogram, linear inside its bucket as Prometheus has it; the last bound for what is above all. NaN of none. */
export function histogramQuantile(counts: HistogramCounts, share: number): number {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return NaN;
  let [rest, lower] = [total * share, 0];
  for (const { le, count } of counts) {
    if (rest <= count && count > 0) return le === Infinity ? lower : lower + (le - lower) * (rest / count);
    rest -= count;
    lower = le === Infinity ? lower : le;
  }
  return lower;
}

/** How long something took. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; took_s: number }> {
  const from_ms = performance.now();
  const value = await work();
  return { value, took_s: (performance.now() - from_ms) / 1000 };
}
