import { timestampMs } from '@bufbuild/protobuf/wkt';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import type { ApiError } from '../../../api/errors.ts';
import { Intent } from '../../../api/intent.ts';
import { useApi } from '../../../app/api_context.ts';
import { useAction } from '../../../app/use_action.ts';
import type { Ride } from '../BookingPage.tsx';
import { lockEnd_ms } from './picking.ts';

export type SeatLock = { lock_id: string; seats: Seat[]; end_ms: number };
export type SeatLocking = {
  lock?: SeatLock;
  /** The last lock ran out before it was used. */
  expired: boolean;
  busy: boolean;
  error?: ApiError;
  /** True when all of the seats are locked. */
  take: (seats: Seat[]) => Promise<boolean>;
  /** The seats go back: others are wanted, or none. */
  giveBack: () => void;
  /** An order has it, or nobody has it any more. */
  forget: (expired?: boolean) => void;
};

/** Chosen seats while they are locked. Whoever leaves the page gives them back; a tab that dies lets the minute run out. */
export function useSeatLock({ run_id, from_station_id, to_station_id }: Ride): SeatLocking {
  const { seat } = useApi();
  const [state, setState] = useState<{ lock?: SeatLock; expired: boolean }>({ expired: false });
  const held = useRef<SeatLock>(undefined);
  const keep = (lock: SeatLock | undefined, expired = false): void => {
    held.current = lock;
    setState({ lock, expired });
  };
  // Nobody waits for the answer: what is not given back runs out.
  const release = (): void => {
    const lock = held.current;
    held.current = undefined;
    if (lock !== undefined) seat.releaseSeats({ requestId: new Intent().idFor(lock.lock_id), seatLockId: lock.lock_id, runId: run_id }).catch(() => undefined);
  };
  const onLeave = useEffectEvent(release);
  useEffect(() => () => onLeave(), []);
  const locking = useAction(async (requestId, seats: Seat[]) => {
    const asked_ms = Date.now();
    const { seatLockId, expireTime } = await seat.lockSeats({ requestId, runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, seats });
    keep({ lock_id: seatLockId, seats, end_ms: lockEnd_ms(expireTime === undefined ? 0 : timestampMs(expireTime), asked_ms, Date.now()) });
    return true;
  });
  return {
    ...state,
    busy: locking.busy,
    error: locking.error,
    take: async (seats) => (await locking.run(seats)) ?? false,
    giveBack: () => {
      release();
      keep(undefined);
    },
    forget: (expired = false) => keep(undefined, expired),
  };
}
