import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask } from '#kit/rpc/peer.ts';
import type { Standbys } from '../../app/peers.ts';
import { channelWord } from '../../domain/channel.ts';
import { passengerTypes, seatClasses } from '../words.ts';

/** Less than a submission has: while aftersales is slow, the traveller hears that it is being asked. */
const CREATE_MS = 1500;
/** Asked at once. An aftersales that hangs must not keep submissions inside that have nothing to do with it: the rest is left to the sweeper. */
const ASKING_MAX = 64;

export function aftersalesPeer(client: ServiceClient<typeof StandbyService>): Standbys {
  let asking = 0;
  return {
    async create(request_id, { account_id, tenant, channel, member_level, run_id, from_station_id, to_station_id, seat_classes, accept_same_train_change, passengers, deadline_ms, match_after_ms }) {
      if (asking >= ASKING_MAX) return fail('OVERLOADED');
      const request = {
        requestId: request_id,
        wishes: [{ runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, seatClasses: seat_classes.map((word) => seatClasses.to(word)), acceptSameTrainChange: accept_same_train_change }],
        passengerIds: passengers.map(({ passenger_id }) => passenger_id),
        passengerTypes: passengers.map(({ passenger_type }) => passengerTypes.to(passenger_type)),
        deadline: timestampFromMs(deadline_ms),
        ...(match_after_ms === undefined ? {} : { matchAfterTime: timestampFromMs(match_after_ms) }),
      };
      // The traveller is not there; the row of the entry says who it was.
      const caller = { kind: 'account' as const, account_id, tenant, channel: channelWord(channel), device_id: '', session_id: '', roles: ['traveller'], member_level };
      asking += 1;
      const answer = await ask(client.createStandby(request, { caller, timeout_ms: CREATE_MS })).finally(() => (asking -= 1));
      if (!answer.ok) return answer;
      return answer.value.standby === undefined ? fail('INTERNAL', { detail: 'a standby without a standby' }) : ok(answer.value.standby.standbyId);
    },
  };
}
