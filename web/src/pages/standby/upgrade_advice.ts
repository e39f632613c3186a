import type { CreateStandbyRequest, StandbyWish } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { ApiError } from '../../api/errors.ts';
import { adviceOf } from '../change/advice.ts';
import type { Advice } from '../change/advice.ts';

/** What to do next: see the standby that is open, accept more, change at once, another train, a later deadline, other journeys or standbys, other tickets, the order; or just ask again. */
export type UpgradeAdvice = Omit<Advice, 'go'> & { way: 'open' | 'raise' | 'now' | 'remove' | 'later' | 'overlap' | 'list' | 'tickets' | 'order' | 'again' };

/** What to do about a refused upgrade. `departed`: the train on the ticket has left, or boarding for it is over. */
export function upgradeAdvice(error: ApiError, departed: boolean): UpgradeAdvice {
  const { reason, metadata } = error;
  if (reason === 'CHANGE_NOT_ALLOWED' && metadata['rule'] === 'UPGRADE_OPEN') return { way: 'open' };
  const own = OWN[reason ?? ''];
  if (own !== undefined) return { way: own };
  const { go, ...more } = adviceOf(error, departed);
  return { ...more, way: WAYS[go] };
}

/** The wish that a refusal is about, where it says so: by its place in the request, or by its train where that is named once. */
export function refusedWish({ metadata }: Pick<ApiError, 'metadata'>, request: Pick<CreateStandbyRequest, 'wishes'> | undefined): StandbyWish | undefined {
  const wishes = request?.wishes ?? [];
  const place = /^wishes\[(\d+)\]/.exec(metadata['field'] ?? '')?.[1];
  if (place !== undefined) return wishes[Number(place)];
  const of_train = wishes.filter(({ runId }) => runId === metadata['run_id']);
  return of_train.length === 1 ? of_train[0] : undefined;
}

const OWN: Readonly<Record<string, UpgradeAdvice['way']>> = {
  CHANGE_ABOVE_LIMIT: 'raise', STANDBY_NOT_NEEDED: 'now', DEADLINE_IN_PAST: 'later', JOURNEY_OVERLAP: 'overlap', STANDBY_LIMIT: 'list',
};

const WAYS: Readonly<Record<Advice['go'], UpgradeAdvice['way']>> = { tickets: 'tickets', ride: 'remove', quote: 'again', order: 'order', again: 'again' };
