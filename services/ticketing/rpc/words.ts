/** Enums of the contracts as words of the domain, and back. UNSPECIFIED and unknown numbers are no word. */
import { BerthLevel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';

type Enum = Readonly<Record<string, number>>;

export type Words<E extends Enum> = { of(value: number): string | undefined; to(word: string): E[keyof E] };

export function wordsOf<E extends Enum>(values: E): Words<E> {
  const words = new Map(Object.entries(values).filter(([word]) => word !== 'UNSPECIFIED').map(([word, value]) => [value, word]));
  return { of: (value) => words.get(value), to: (word) => (Object.hasOwn(values, word) ? values[word] : values.UNSPECIFIED) as E[keyof E] };
}

export const seatClasses = wordsOf(SeatClass);
export const berthLevels = wordsOf(BerthLevel);
export const passengerTypes = wordsOf(PassengerType);
