import { fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { addDays, daysBetween, isServiceDate, serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import type { Actor, DayRate, Deps } from './ports.ts';

const MAX_DAYS = 31;

/** How many messages arrived on each of some days, by channel and provider. FIELD_INVALID. */
export async function deliveryRates(deps: Deps, actor: Actor, { from_date, to_date }: { from_date: string; to_date: string }): Promise<Result<DayRate[]>> {
  if (!isServiceDate(from_date)) return fieldInvalid('from_date', 'is a day');
  if (!isServiceDate(to_date) || to_date < from_date || daysBetween(from_date, to_date) >= MAX_DAYS) return fieldInvalid('to_date', `at most ${MAX_DAYS} days`);
  const [from_ms, to_ms] = [serviceTimeToEpoch_ms(from_date, 0), serviceTimeToEpoch_ms(addDays(to_date, 1), 0)];
  return ok(await deps.store.record(actor, (unit) => unit.deliveries.rates(from_ms, to_ms)));
}
