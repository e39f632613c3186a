import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { afterAnswer } from '../domain/verification.ts';
import type { Actor, Deps, StoredPassenger } from './ports.ts';

/** How long the sweeper leaves a passenger alone that a request is asking about: three tries of 3 s and their pauses. */
export const ASK_CLAIM_MS = 15_000;

const SWEEPER: Actor = { account_id: '', service: 'identity', device_id: '', ip: '' };

/** Asks the authority about a PENDING passenger and stores the answer; the passenger as it is then. */
export async function verifyNow(deps: Deps, actor: Actor, passenger: StoredPassenger, signal?: AbortSignal): Promise<StoredPassenger> {
  const { passenger_id, name, id_type, id_number, verify_round } = passenger;
  // The same number asks about the same thing again; a new round is a new question.
  const answer = await deps.authority.ask({ verification_id: `${passenger_id}-${verify_round}`, name, id_type, id_number }, signal);
  const verify_tries = passenger.verify_tries + 1;
  const { verify_state, wait_ms } = afterAnswer(answer, verify_tries, deps.verify_retry_ms);
  return deps.store.record(actor, async (unit) => {
    const changed = await unit.passengers.change(passenger, { verify_state, verify_tries, wait_ms: wait_ms ?? null });
    if (changed && verify_state !== passenger.verify_state) {
      await unit.audit({ operation: 'identity.VerifyPassenger', target: `passenger/${passenger_id}`, result: verify_state, version: passenger.version + 1n });
    }
    // Somebody else was faster: what stands in the row counts.
    return (await unit.passengers.byId(passenger_id)) ?? passenger;
  });
}

/** The sweeper's step: a passenger whose time has come. */
export async function verifyDue(deps: Deps, passenger_id: bigint, signal: AbortSignal): Promise<void> {
  const passenger = await deps.store.record(SWEEPER, (unit) => unit.passengers.byId(passenger_id));
  if (passenger === undefined) return;
  if (passenger.removed || passenger.verify_state !== 'PENDING') {
    await deps.store.record(SWEEPER, (unit) => unit.passengers.change(passenger, { wait_ms: null }));
    return;
  }
  await verifyNow(deps, SWEEPER, passenger, signal);
}

export type VerifyInput = { request_id: string; account_id: bigint; passenger_id: bigint };

/** The owner's wish to ask again, as after a correction at the authority. Nothing to do for who is verified. */
export async function verifyPassenger(deps: Deps, actor: Actor, { request_id, account_id, passenger_id }: VerifyInput, signal?: AbortSignal): Promise<Result<StoredPassenger>> {
  const begun = await deps.store.write(actor, async (unit) => {
    const once = await unit.once({ account_id: String(account_id), request_id, method: 'VerifyPassenger', fingerprint: deps.secrets.fingerprint(['verify', String(passenger_id)]) }, async () => {
      const [passenger] = await unit.passengers.byIds(account_id, [passenger_id]);
      if (passenger === undefined || passenger.removed) return fail('PASSENGER_NOT_FOUND');
      if (passenger.verify_state === 'VERIFIED') return ok('');
      const again = passenger.verify_state === 'PENDING' ? {} : { verify_state: 'PENDING' as const, verify_round: passenger.verify_round + 1, verify_tries: 0 };
      if (!(await unit.passengers.change(passenger, { ...again, wait_ms: ASK_CLAIM_MS }))) return fail('CONFLICT');
      return ok('');
    });
    if (!once.ok) return once;
    const [passenger] = await unit.passengers.byIds(account_id, [passenger_id]);
    return passenger === undefined ? fail('PASSENGER_NOT_FOUND') : ok({ passenger, fresh: !once.value.replayed });
  });
  if (!begun.ok) return begun;
  const { passenger, fresh } = begun.value;
  return ok(fresh && passenger.verify_state === 'PENDING' ? await verifyNow(deps, actor, passenger, signal) : passenger);
}
