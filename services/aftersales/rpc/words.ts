/** Enums of the contracts as words of the domain, and back. Value 0 (UNSPECIFIED) and unknown numbers are the empty word. */
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { BerthLevel, Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';

type Enum = Readonly<Record<string, number>>;

export type Words<E extends Enum> = { of(value: number): string; to(word: string): E[keyof E] };

function wordsOf<E extends Enum>(values: E): Words<E> {
  const words = new Map(Object.entries(values).filter(([word]) => word !== 'UNSPECIFIED').map(([word, value]) => [value, word]));
  return { of: (value) => words.get(value) ?? '', to: (word) => (values[word] ?? values.UNSPECIFIED) as E[keyof E] };
}

export const orderStates = wordsOf(OrderState);
export const saleStates = wordsOf(SaleState);
export const seatClasses = wordsOf(SeatClass);
export const passengerTypes = wordsOf(PassengerType);
export const berthLevels = wordsOf(BerthLevel);
export const channels = wordsOf(Channel);
