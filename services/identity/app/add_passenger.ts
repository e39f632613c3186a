import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { checkPassenger, PASSENGER_LIMIT, personText } from '../domain/passenger.ts';
import type { NewPassenger } from '../domain/passenger.ts';
import type { Actor, Deps, StoredPassenger } from './ports.ts';
import { ASK_CLAIM_MS, verifyNow } from './verify.ts';

export type AddPassengerInput = NewPassenger & { request_id: string; account_id: bigint };

/**
 * Adds a passenger as PENDING, then asks the authority. When nobody answers it stays PENDING and the sweeper asks again.
 * A repeat of the request answers with the passenger as it is by then.
 */
export async function addPassenger(deps: Deps, actor: Actor, input: AddPassengerInput, signal?: AbortSignal): Promise<Result<StoredPassenger>> {
  const now_ms = deps.clock.now_ms();
  const checked = checkPassenger(input, serviceDateAt(now_ms));
  if (!checked.ok) return checked;
  const { account_id, request_id } = input;
  const { name, id_type, id_number, passenger_type, phone } = checked.value;
  const fingerprint = deps.secrets.fingerprint(['add', name, id_type, id_number, passenger_type, phone ?? '']);

  const added = await deps.store.write(actor, async (unit) => {
    const once = await unit.once({ account_id: String(account_id), request_id, method: 'AddPassenger', fingerprint }, async () => {
      await unit.accounts.lock(account_id);
      const passenger: StoredPassenger = { ...checked.value, passenger_id: deps.ids.next(geneOf(account_id)), account_id, verify_state: 'PENDING', create_time_ms: now_ms, version: 1n, verify_round: 0, verify_tries: 0, removed: false };
      if ((await unit.passengers.ofAccount(account_id)).length >= PASSENGER_LIMIT) return fail('PASSENGER_LIMIT', { metadata: { limit: String(PASSENGER_LIMIT) } });
      if (!(await unit.passengers.insert(passenger, deps.secrets.personIndex(personText(passenger)), ASK_CLAIM_MS))) return fail('PASSENGER_EXISTS');
      await unit.audit({ operation: 'identity.AddPassenger', target: `passenger/${passenger.passenger_id}`, result: 'ok', request_id, version: 1n });
      return ok(String(passenger.passenger_id));
    });
    if (!once.ok) return once;
    const [passenger] = await unit.passengers.byIds(account_id, [BigInt(once.value.answer)]);
    if (passenger === undefined) throw new Error('an added passenger is gone');
    return ok({ passenger, fresh: !once.value.replayed });
  });
  if (!added.ok) return added;
  const { passenger, fresh } = added.value;
  return ok(fresh ? await verifyNow(deps, actor, passenger, signal) : passenger);
}
