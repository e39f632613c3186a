import type { QuoteFaresRequest } from '#gen/rail/query/v1/query_pb.ts';
import type { PassengerType as PassengerTypeNumber } from '#gen/rail/type/v1/journey_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { SeatClass } from '../../../timetable/model.ts';
import type { PassengerType } from '../../../timetable/rules/fares.ts';
import type { Catalog } from '../domain/catalog.ts';
import { berthsOf, classesOf, fareOf } from '../domain/offer.ts';
import type { Found } from '../domain/search.ts';
import { journeyMessage, money } from './messages.ts';
import { BERTH, PASSENGER_TYPE, passengerTypeOf, SEAT_CLASS, seatClassOf } from './words.ts';

/** Fares of a stretch for every asked class, passenger type and berth, each once; SEAT_CLASS_UNKNOWN for a class the train lacks, FIELD_INVALID for a type we do not know. */
export function quotedFares(catalog: Catalog, found: Found, { seatClasses, passengerTypes }: QuoteFaresRequest) {
  const carried = classesOf(found);
  const asked = new Set(seatClasses);
  const wanted: readonly SeatClass[] = asked.size === 0 ? carried : [...asked].flatMap((number) => seatClassOf(number) ?? []);
  if (wanted.length < asked.size || wanted.some((seat_class) => !carried.includes(seat_class))) {
    throw RpcError.of({ reason: 'SEAT_CLASS_UNKNOWN', metadata: { field: 'seat_classes' } });
  }
  const types = passengerTypes.length === 0 ? (['adult'] as const) : [...new Set(passengerTypes)].map(requirePassengerType);
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

function requirePassengerType(number: PassengerTypeNumber): PassengerType {
  const type = passengerTypeOf(number);
  if (type === undefined) throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'names an unknown type', metadata: { field: 'passenger_types' } });
  return type;
}
