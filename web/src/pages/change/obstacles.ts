import { timestampMs } from '@bufbuild/protobuf/wkt';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Dictionary } from '../../i18n/zh.ts';

/** Gates close this long before departure; from then on only a counter changes tickets (ADR 33). */
export const GATE_CUT_OFF_MS = 3 * 60_000;

export type Obstacle = keyof Dictionary['change']['tickets']['obstacles'];

type Item = Pick<OrderItem, 'itemId' | 'state' | 'changed' | 'passengerType' | 'journey' | 'journeyChange' | 'ticketId'>;

/**
 * Why a ticket can't be changed here, or undefined. The service decides; this says it before anybody has chosen a train. `used`:
 * ids of tickets that were used at a gate.
 */
export function obstacleOf({ state, changed, journey, journeyChange, ticketId }: Item, used: ReadonlySet<string>, now_ms: number): Obstacle | undefined {
  if (state === OrderState.CHANGE) return 'changing';
  if (state === OrderState.REFUND) return 'refunding';
  if (state === OrderState.CLOSED || state === OrderState.FAIL) return 'closed';
  if (state !== OrderState.SUCCESS) return 'not_issued';
  if (changed) return 'changed';
  if (used.has(ticketId)) return 'used';
  if (journeyChange?.cancelled === true) return 'cancelled';
  const left_ms = journey?.departureTime === undefined ? Infinity : timestampMs(journey.departureTime) - now_ms;
  if (left_ms <= 0) return 'departed';
  return left_ms <= GATE_CUT_OFF_MS ? 'gate_closed' : undefined;
}

/** Whom to choose as well, so that no child travels alone. `children` would stay behind; `adults` are those one of whom must come with a chosen child. */
export function companionsMissing(items: readonly Item[], chosen: readonly string[]): { children: string[]; adults: string[] } {
  const travel = items.filter(({ state }) => state === OrderState.SUCCESS || state === OrderState.CHANGE);
  const children = new Set<string>();
  const adults = new Set<string>();
  for (const child of travel.filter(isChild)) {
    const grown_up = travel.filter((one) => !isChild(one) && rideOf(one) === rideOf(child)).map(({ itemId }) => itemId);
    if (grown_up.length === 0) continue;
    const goes = chosen.includes(child.itemId);
    const going = grown_up.filter((itemId) => chosen.includes(itemId));
    if (!goes && going.length === grown_up.length) children.add(child.itemId);
    // An adult of the order on another train may be the one the child goes to: then the service judges.
    const elsewhere = travel.some((one) => !isChild(one) && rideOf(one) !== rideOf(child));
    if (goes && going.length === 0 && !elsewhere) for (const itemId of grown_up) adults.add(itemId);
  }
  return { children: [...children], adults: [...adults] };
}

function isChild({ passengerType }: Item): boolean {
  return passengerType === PassengerType.CHILD;
}

function rideOf({ journey }: Item): string {
  return `${journey?.runId} ${journey?.fromIndex}-${journey?.toIndex}`;
}
