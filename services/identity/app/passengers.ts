import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { toHex } from '#kit/base/bytes.ts';
import { personText, checkOptionalPhone, PASSENGER_LIMIT } from '../domain/passenger.ts';
import type { PassengerType } from '../domain/passenger.ts';
import type { Actor, Deps, ResolvablePassenger, StoredPassenger } from './ports.ts';

export async function listPassengers(deps: Deps, actor: Actor, account_id: bigint): Promise<Result<StoredPassenger[]>> {
  return ok(await deps.store.record(actor, (unit) => unit.passengers.ofAccount(account_id)));
}

export type UpdatePassengerInput = { request_id: string; account_id: bigint; passenger_id: bigint; passenger_type: PassengerType | undefined; phone: string; version: bigint };

/** Changes phone and passenger type; name and number make another passenger. VERSION_STALE when it was changed meanwhile. */
export async function updatePassenger(deps: Deps, actor: Actor, input: UpdatePassengerInput): Promise<Result<StoredPassenger>> {
  const { request_id, account_id, passenger_id, passenger_type } = input;
  const phone = checkOptionalPhone(input.phone);
  if (!phone.ok) return phone;
  const fingerprint = deps.secrets.fingerprint(['update', String(passenger_id), passenger_type ?? '', phone.value ?? '', String(input.version)]);
  return deps.store.write(actor, async (unit) => {
    const once = await unit.once({ account_id: String(account_id), request_id, method: 'UpdatePassenger', fingerprint }, async () => {
      const [passenger] = await unit.passengers.byIds(account_id, [passenger_id]);
      if (passenger === undefined || passenger.removed) return fail('PASSENGER_NOT_FOUND');
      if (passenger.version !== input.version) return fail('VERSION_STALE');
      if (!(await unit.passengers.change(passenger, { passenger_type, phone: phone.value ?? null }))) return fail('VERSION_STALE');
      await unit.audit({ operation: 'identity.UpdatePassenger', target: `passenger/${passenger_id}`, result: 'ok', request_id, version: input.version + 1n });
      return ok('');
    });
    if (!once.ok) return once;
    const [passenger] = await unit.passengers.byIds(account_id, [passenger_id]);
    return passenger === undefined ? fail('PASSENGER_NOT_FOUND') : ok(passenger);
  });
}

export type RemovePassengerInput = { request_id: string; account_id: bigint; passenger_id: bigint };

/** Takes a passenger off the list. Journeys bought before are still travelled: ticketing finds the passenger as before. */
export async function removePassenger(deps: Deps, actor: Actor, { request_id, account_id, passenger_id }: RemovePassengerInput): Promise<Result<undefined>> {
  const fingerprint = deps.secrets.fingerprint(['remove', String(passenger_id)]);
  return deps.store.write(actor, async (unit) => {
    const once = await unit.once({ account_id: String(account_id), request_id, method: 'RemovePassenger', fingerprint }, async () => {
      const [passenger] = await unit.passengers.byIds(account_id, [passenger_id]);
      if (passenger === undefined) return fail('PASSENGER_NOT_FOUND');
      if (passenger.removed) return ok('');
      if (!(await unit.passengers.change(passenger, { removed: true, wait_ms: null }))) return fail('CONFLICT');
      await unit.audit({ operation: 'identity.RemovePassenger', target: `passenger/${passenger_id}`, result: 'ok', request_id, version: passenger.version + 1n });
      return ok('');
    });
    return once.ok ? ok() : once;
  });
}

export type ResolveInput = { account_id: bigint; passenger_ids: readonly bigint[]; with_removed: boolean };
export type Resolved = { passenger: StoredPassenger; person_blind_index: string };

/** Passengers of an account for another service, in the order asked. Each look is audited, also the refused one. */
export async function resolvePassengers(deps: Deps, actor: Actor, { account_id, passenger_ids, with_removed }: ResolveInput): Promise<Result<Resolved[]>> {
  if (passenger_ids.length === 0 || passenger_ids.length > PASSENGER_LIMIT) return fieldInvalid('passenger_ids', `1 to ${PASSENGER_LIMIT} passengers`);
  const rows = new Map((await deps.looks.passengers(account_id, passenger_ids)).map((row) => [row.passenger_id, row]));
  const found = passenger_ids.map((passenger_id) => rows.get(passenger_id));
  const complete = found.filter((row) => row !== undefined && (with_removed || !row.removed)) as ResolvablePassenger[];
  const all = complete.length === passenger_ids.length;
  // Before the answer: what was seen is on record.
  await deps.looks.note(actor, { operation: 'identity.ResolvePassengers', target: `account/${account_id}`, result: all ? 'ok' : 'PASSENGER_NOT_FOUND' });
  return all ? ok(complete.map((row) => ({ passenger: row, person_blind_index: toHex(row.person_index) }))) : fail('PASSENGER_NOT_FOUND');
}

/** Under what other services know the person of a document. Nothing tells whether there is such a person. */
export async function findPerson(deps: Deps, actor: Actor, { id_type, id_number }: { id_type: StoredPassenger['id_type'] | undefined; id_number: string }): Promise<Result<string>> {
  const text = id_number.trim().toUpperCase();
  if (id_type === undefined) return fieldInvalid('id_type', 'needed');
  if (text.length < 4 || text.length > 40) return fail('ID_NUMBER_INVALID');
  return deps.store.record(actor, async (unit) => {
    await unit.audit({ operation: 'identity.FindPerson', target: 'person', result: 'ok' });
    return ok(toHex(deps.secrets.personIndex(personText({ id_type, id_number: text }))));
  });
}
