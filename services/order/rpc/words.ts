/** Enums of the contracts as words of the domain, and back. Value 0 (UNSPECIFIED) and unknown numbers are no word. */
import { CloseReason, OrderState, PaceReason, PriorityReason, QueueState } from '#gen/rail/order/v1/order_pb.ts';
import { BerthLevel, Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';

type Enum = Readonly<Record<string, number>>;
type Word<E extends Enum> = Exclude<keyof E & string, 'UNSPECIFIED'>;

/** Both directions of one enum. */
export type Words<E extends Enum> = { of(value: number): Word<E> | undefined; to(word: Word<E> | undefined): E[keyof E] };

export function wordsOf<E extends Enum>(values: E): Words<E> {
  const words = new Map(Object.entries(values).filter(([word]) => word !== 'UNSPECIFIED').map(([word, value]) => [value, word as Word<E>]));
  return { of: (value) => words.get(value), to: (word) => values[word ?? 'UNSPECIFIED'] as E[keyof E] };
}

export const orderStates = wordsOf(OrderState);
export const closeReasons = wordsOf(CloseReason);
export const queueStates = wordsOf(QueueState);
export const paceReasons = wordsOf(PaceReason);
export const priorityReasons = wordsOf(PriorityReason);
export const seatClasses = wordsOf(SeatClass);
export const passengerTypes = wordsOf(PassengerType);
export const berthLevels = wordsOf(BerthLevel);
export const channels = wordsOf(Channel);
