import { IdentityService, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Identity } from '../../app/peers.ts';
import { passengerTypes } from '../words.ts';
import { mapResult } from '#kit/base/result.ts';
import { ask } from '#kit/rpc/peer.ts';
import { onBehalf } from './on_behalf.ts';

const READ_MS = 1000;

export function identityPeer(client: ServiceClient<typeof IdentityService>): Identity {
  return {
    async resolve(actor, passenger_ids) {
      const request = { accountId: actor.account?.account_id ?? '', passengerIds: [...passenger_ids], inClear: false };
      const answer = await ask(client.resolvePassengers(request, { ...onBehalf(actor, READ_MS), retry: { attempts: 2 } }));
      return mapResult(answer, ({ passengers }) =>
        passengers.map(({ passenger, personBlindIndex }) => ({
          passenger_id: passenger?.passengerId ?? '',
          verified: passenger?.verifyState === VerifyState.VERIFIED,
          rejected: passenger?.verifyState === VerifyState.REJECTED,
          person: personBlindIndex,
          name_masked: passenger?.nameMasked ?? '',
          id_number_masked: passenger?.idNumberMasked ?? '',
          passenger_type: passengerTypes.of(passenger?.passengerType ?? 0) ?? 'ADULT',
        })),
      );
    },
  };
}
