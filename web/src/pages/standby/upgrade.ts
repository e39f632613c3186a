import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import type { ClassAvailability } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { GATE_CUT_OFF_MS } from '../change/obstacles.ts';
import { WISHES_MAX } from './basket.ts';
import type { Basket, WishDraft } from './basket.ts';

/** Whether so many tickets can wait for a class: it has too few seats for them, and people may wait for it. */
export function mayWaitFor({ seatClass, remaining, standbyAllowed }: Pick<ClassAvailability, 'seatClass' | 'remaining' | 'standbyAllowed'>, people: number): boolean {
  return seatClass !== SeatClass.STANDING && remaining < people && (remaining > 0 || standbyAllowed);
}

/** A change is to one class, so each class of a ride is a wish of its own (ADR 37); seats are not changed on the way. */
export function oneClassEach(wishes: readonly WishDraft[]): WishDraft[] {
  return wishes.flatMap((wish) => wish.seat_classes.map((seat_class) => ({ ...wish, seat_classes: [seat_class], accept_change: false })));
}

/** The most that may be due, of an amount in yuan; `{}` is any amount, undefined no amount at all. */
export function limitOf(typed: string): { fen?: bigint } | undefined {
  const text = typed.normalize('NFKC').trim().replace(/^¥\s*/, '');
  if (text === '') return {};
  const [, yuan, fen = ''] = /^(\d{1,6})(?:\.(\d{0,2}))?$/.exec(text) ?? [];
  return yuan === undefined ? undefined : { fen: BigInt(yuan) * 100n + BigInt(fen.padEnd(2, '0')) };
}

/** An amount as it is typed. */
export function limitText(fen: bigint): string {
  const cents = fen % 100n;
  return cents === 0n ? String(fen / 100n) : `${fen / 100n}.${String(cents).padStart(2, '0')}`;
}

export type UpgradeProblem = 'no_wish' | 'no_class' | 'too_many' | 'bad_limit';

/** Why the request cannot be sent yet, or undefined. */
export function upgradeProblem({ wishes, upgrade }: Pick<Basket, 'wishes' | 'upgrade'>): UpgradeProblem | undefined {
  if (wishes.length === 0) return 'no_wish';
  if (wishes.some(({ seat_classes }) => seat_classes.length === 0)) return 'no_class';
  if (oneClassEach(wishes).length > WISHES_MAX) return 'too_many';
  return limitOf(upgrade?.limit ?? '') === undefined ? 'bad_limit' : undefined;
}

export type Closing = { departure_ms: number; closes_ms: number };

/** When the train of the tickets leaves, and until when they can be changed: as long as its gates are open. The first counts where there are several. */
export function closingOf(items: readonly Pick<OrderItem, 'journey'>[]): Closing | undefined {
  const departures = items.flatMap(({ journey }) => (journey?.departureTime === undefined ? [] : [timestampMs(journey.departureTime)]));
  const departure_ms = Math.min(...departures);
  return departures.length === 0 ? undefined : { departure_ms, closes_ms: departure_ms - GATE_CUT_OFF_MS };
}
