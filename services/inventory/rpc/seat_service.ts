import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import type { HoldSeats } from '../app/hold_seats.ts';
import { lockSeats, unlockSeats } from '../app/lock_seats.ts';
import type { Parts } from '../app/parts.ts';
import { getSeatMap } from '../app/seat_map.ts';
import { classMessage, seatMessage } from '../wire/seat_message.ts';

export function seatService(parts: Parts, hold: HoldSeats): Implementation {
  return implement(SeatService, {
    async getSeatMap({ runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, coachNo: coach_no }) {
      const { coaches, version } = unwrap(await getSeatMap(parts, { run_id, from_station_id, to_station_id, coach_no }));
      return {
        version,
        coaches: coaches.map((coach) => ({
          coachNo: coach.coach_no,
          seatClass: classMessage(coach.seat_class),
          layoutId: coach.layout_id,
          seats: coach.seats.map(({ name, ...seat }) => ({ ...seat, seat: seatMessage(name) })),
        })),
      };
    },
    async lockSeats({ requestId: request_id, runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, seats }, call) {
      const named = seats.map(({ coachNo: coach_no, seatNo: seat_no }) => ({ coach_no, seat_no }));
      const lock = unwrap(await lockSeats(parts, hold, { request_id, account_id: accountOf(call), run_id, from_station_id, to_station_id, seats: named }));
      return { seatLockId: lock.hold_id, expireTime: timestampFromMs(lock.expires_ms) };
    },
    async releaseSeats({ seatLockId: lock_id, runId: run_id }, call) {
      unwrap(await unlockSeats(parts, { lock_id, run_id, account_id: accountOf(call) }));
      return {};
    },
  });
}

function accountOf(call: Call): string {
  if (call.account === undefined) throw new FailureError({ reason: 'TOKEN_MISSING' });
  return call.account.account_id;
}
