import { IdentityService, IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { asResult } from '#kit/rpc/error.ts';
import type { People } from '../app/ports.ts';
import { wordsOf } from './words.ts';

const READ_MS = 1000;
const idTypes = wordsOf(IdType);

/** Passengers in clear from identity, which audits each call. In ticketing's own name: tickets are issued without the traveller. */
export function peopleOver(client: ServiceClient<typeof IdentityService>): People {
  return {
    async resolve(account_id, passenger_ids, signal) {
      const request = { accountId: String(account_id), passengerIds: [...passenger_ids], inClear: true };
      const answer = await asResult(client.resolvePassengers(request, { caller: null, timeout_ms: READ_MS, retry: { attempts: 2 }, signal })).catch(() => fail('DEPENDENCY_UNAVAILABLE'));
      if (!answer.ok) return answer;
      return ok(
        answer.value.passengers.map(({ passenger, name, idNumber, personBlindIndex }) => ({
          passenger_id: passenger?.passengerId ?? '',
          name,
          id_type: idTypes.of(passenger?.idType ?? 0) ?? 'RESIDENT',
          id_number: idNumber,
          name_masked: passenger?.nameMasked ?? '',
          id_number_masked: passenger?.idNumberMasked ?? '',
          blind_index: personBlindIndex,
        })),
      );
    },
  };
}
