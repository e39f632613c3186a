import type { Result } from '#kit/base/result.ts';
import type { HoldRequest } from '../domain/hold.ts';
import { keptHoldId } from '../domain/kept_places.ts';
import { accessSeats } from './hold_access.ts';
import type { HoldAnswer, HoldInOrder } from './hold_seats.ts';
import { mendKept } from './kept_seats.ts';
import type { Parts } from './parts.ts';

/** Another process may change what is kept at the same moment. */
const TRIES = 3;

/**
 * Holds places of one run for some who wait, in their order, from what is on sale and what is kept (ADR 34): for Redis an exchange
 * of the kept places, of which those that are not needed stay kept. Who comes behind one that gets nothing is not tried
 * (VERSION_STALE). Repeatable by hold id. All that a hold may be refused for.
 */
export function claimStandby(parts: Parts, hold: HoldInOrder, run_id: string, requests: readonly HoldRequest[]): Promise<Result<HoldAnswer>[]> {
  const hold_ids = requests.map(({ hold_id }) => hold_id);
  // Two claims at once would be shown the same kept seats, and the ledger would refuse the second.
  return parts.turns(run_id, async () => {
    const access = await accessSeats(parts, run_id);
    if (!access.ok) return requests.map(() => access);
    for (let tried = 1; ; tried += 1) {
      const known = await mendKept(parts, run_id, { also: hold_ids });
      const kept = known.get(keptHoldId(run_id));
      const fresh = requests.filter(({ hold_id }) => !known.has(hold_id));
      // What the ledger has is answered from there: no place is looked for.
      const repeated = await Promise.all(requests.filter((request) => !fresh.includes(request)).map(async (request) => [request, (await hold([request], undefined))[0]!] as const));
      const answers = await hold(fresh, kept?.state === 'HELD' ? kept : undefined);
      const stale = answers[0]?.ok === false && answers[0].error.reason === 'VERSION_STALE';
      if (stale && tried < TRIES) continue;
      const all = new Map([...repeated, ...fresh.map((request, index) => [request, answers[index]!] as const)]);
      return requests.map((request) => all.get(request)!);
    }
  });
}
