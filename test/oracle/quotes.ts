// Fares as they are quoted for an order against the tariff: of every class and type of passenger, the cheapest berth of each.
import type { QuoteFaresResponse_Fare as Fare } from '#gen/rail/query/v1/query_pb.ts';
import { expectedOf, type Way } from './direct.ts';
import { CLASSES, PASSENGERS } from './words.ts';

/** In words, what a quote for all types of passengers says wrongly of a ride. */
export function quoteDifferences(way: Way, fares: readonly Fare[]): string[] {
  const quoted = new Map<string, number>();
  for (const { seatClass, passengerType, fare } of fares) {
    const key = `${seatClass}/${passengerType}`;
    quoted.set(key, Math.min(Number(fare?.amountFen), quoted.get(key) ?? Infinity));
  }
  const wanted = Object.entries(PASSENGERS).flatMap(([passenger, type]) =>
    expectedOf(way, () => undefined, { channel: 'web', passenger }, 0).classes.map(({ seat_class, fare_fen }) => ({ name: `${seat_class} for ${passenger}`, key: `${CLASSES[seat_class]}/${type}`, fare_fen })),
  );
  const wrong = wanted.filter(({ key, fare_fen }) => quoted.get(key) !== fare_fen).map(({ name, key, fare_fen }) => `${name} is ${quoted.get(key)}, should be ${fare_fen}`);
  return quoted.size === wanted.length ? wrong : [...wrong, `${quoted.size} fares, should be ${wanted.length}`];
}
