import type { QuoteFaresRequest } from '#gen/rail/query/v1/query_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { SeatClass } from '../../../timetable/model.ts';
import type { Catalog } from '../domain/catalog.ts';
import { berthsOf, classesOf, fareOf } from '../domain/offer.ts';
import type { Found } from '../domain/search.ts';
import { journeyMessage, money } from './messages.ts';
import { BERTH, PASSENGER_TYPE, passengerTypeOf, SEAT_CLASS, seatClassOf } from './words.ts';

/** Fares of a stretch for every asked class, passenger type and berth; SEAT_CLASS_UNKNOWN for a class the train lacks. */
export function quotedFares(catalog: Catalog, found: Found, { seatClasses, passengerTypes }: QuoteFaresRequest) {
  const carried = classesOf(found);
  const wanted: SeatClass[] = seatClasses.length === 0 ? carried : seatClasses.flatMap((number) => seatClassOf(number) ?? []);
  if (wanted.length < seatClasses.length || wanted.some((seat_class) => !carried.includes(seat_class))) {
    throw RpcError.of({ reason: 'SEAT_CLASS_UNKNOWN', metadata: { field: 'seat_classes' } });
  }
  const types = passengerTypes.length === 0 ? (['adult'] as const) : passengerTypes.map((type) => passengerTypeOf(type) ?? 'adult');
  const fares = wanted.flatMap((seat_class) =>
    types.flatMap((passenger_type) => {
      const berths = berthsOf(seat_class);
      const fare = (berth?: (typeof berths)[number]) => ({
        seatClass: SEAT_CLASS[seat_class],
        passengerType: PASSENGER_TYPE[passenger_type],
        berthLevel: berth === undefined ? 0 : BERTH[berth],
        fare: money(fareOf(found, seat_class, passenger_type, berth)),
      });
      return berths.length === 0 ? [fare()] : berths.map(fare);
    }),
  );
  return { fares, fareVersion: catalog.timetable.fares_rule_version, journey: journeyMessage(catalog, found) };
}
