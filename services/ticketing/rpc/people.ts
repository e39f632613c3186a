import { IdentityService, IdType, type ResolvedPassenger } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { asResult } from '#kit/rpc/error.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { company } from '#kit/run/company.ts';
import type { People, Person } from '../app/ports.ts';
import { wordsOf } from './words.ts';

const READ_MS = 1000;
/** Issues that are driven together ask at the same moment; nobody waits for anybody else. */
const COMPANY = { wait_ms: 0, together_max: 256, batches_max: 4, waiting_max: 20_000, timers: systemTimers };
const idTypes = wordsOf(IdType);

type Wish = { account_id: bigint; passenger_ids: readonly string[]; signal: AbortSignal | undefined };

/** Passengers in clear from identity, which audits each account. In ticketing's own name: tickets are issued without the traveller. */
export function peopleOver(client: ServiceClient<typeof IdentityService>): People {
  const asked = company({ ...COMPANY, run: (wishes: readonly Wish[]) => resolveAll(client, wishes) });
  return { resolve: (account_id, passenger_ids, signal) => asked.join({ account_id, passenger_ids, signal }) };
}

/** When a batch is refused as a whole each is asked for alone: one must not fail the others, and an identity of an older version does not know the method. */
async function resolveAll(client: ServiceClient<typeof IdentityService>, wishes: readonly Wish[]): Promise<readonly Result<Person[]>[]> {
  if (wishes.length === 1) return [await resolveOne(client, wishes[0]!)];
  const answer = await ask(client.batchResolvePassengers({ requests: wishes.map(requestOf) }, { ...own(READ_MS), retry: { attempts: 2 } })).catch(() => undefined);
  if (answer?.ok !== true) {
    if (answer !== undefined && OUTAGE.has(answer.error.reason)) return wishes.map(() => answer);
    return Promise.all(wishes.map((wish) => resolveOne(client, wish)));
  }
  return wishes.map((_, index) => {
    const outcome = answer.value.outcomes[index];
    if (outcome === undefined) return fail('DEPENDENCY_UNAVAILABLE', { detail: 'identity left an outcome out' });
    return outcome.error === undefined ? ok(outcome.passengers.map(personOf)) : { ok: false, error: outcomeFailure(outcome.error) };
  });
}

/** Asking again at once, and one by one, would only add to it. */
const OUTAGE: ReadonlySet<ErrorReason> = new Set(['DEPENDENCY_UNAVAILABLE', 'DEADLINE', 'OVERLOADED', 'CANCELLED']);

async function resolveOne(client: ServiceClient<typeof IdentityService>, wish: Wish): Promise<Result<Person[]>> {
  const answer = await asResult(client.resolvePassengers(requestOf(wish), { ...own(READ_MS), retry: { attempts: 2 }, signal: wish.signal })).catch(() => fail('DEPENDENCY_UNAVAILABLE'));
  return mapResult(answer, ({ passengers }) => passengers.map(personOf));
}

function requestOf({ account_id, passenger_ids }: Wish) {
  return { accountId: String(account_id), passengerIds: [...passenger_ids], inClear: true };
}

function personOf({ passenger, name, idNumber, personBlindIndex }: ResolvedPassenger): Person {
  return {
    passenger_id: passenger?.passengerId ?? '',
    name,
    id_type: idTypes.of(passenger?.idType ?? 0) ?? 'RESIDENT',
    id_number: idNumber,
    name_masked: passenger?.nameMasked ?? '',
    id_number_masked: passenger?.idNumberMasked ?? '',
    blind_index: personBlindIndex,
  };
}
