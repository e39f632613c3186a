/** The segments travelled between two stops of a run, counted from 0: from … to-1. */
export type Stretch = { from: number; to: number };

/** Bit s for segment s: as the ledger keeps what is occupied of a seat. */
export function segmentMask({ from, to }: Stretch): bigint {
  return ((1n << BigInt(to - from)) - 1n) << BigInt(from);
}

export function isStretch({ from, to }: Stretch, segments: number): boolean {
  return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= segments;
}

/**
 * The stretch between two stations. A train may call at a station twice, so the shortest one is meant: the last departure
 * before the first arrival that follows one.
 */
export function stretchBetween(station_ids: readonly string[], from_station_id: string, to_station_id: string): Stretch | undefined {
  let from: number | undefined;
  for (const [index, station_id] of station_ids.entries()) {
    if (from !== undefined && station_id === to_station_id) return { from, to: index };
    if (station_id === from_station_id) from = index;
  }
  return undefined;
}

/** The stretches a mask consists of, in order. */
export function stretchesOf(mask: bigint): Stretch[] {
  const stretches: Stretch[] = [];
  for (let segment = 0; mask >> BigInt(segment) !== 0n; segment += 1) {
    if (((mask >> BigInt(segment)) & 1n) === 0n) continue;
    const last = stretches.at(-1);
    if (last?.to === segment) last.to = segment + 1;
    else stretches.push({ from: segment, to: segment + 1 });
  }
  return stretches;
}
