import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { ClassAvailabilitySchema, PlaceSchema, SaleState, StationSchema, TrainOfferSchema, TrainRunSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { Place, TrainOffer, TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { JourneySchema, PassengerType, SeatClass, TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { coachesOf } from './seats.ts';
import { stableHash32 } from '#kit/base/hash.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';

/** One line with two cities of several stations: enough to show every page. */
export const STATIONS = [
  ['BJN', '北京南', 'Beijing South', 'beijingnan', 'bjn', '北京', 'Beijing'], ['BJX', '北京西', 'Beijing West', 'beijingxi', 'bjx', '北京', 'Beijing'],
  ['TJN', '天津南', 'Tianjin South', 'tianjinnan', 'tjn', '天津', 'Tianjin'], ['JNX', '济南西', 'Jinan West', 'jinanxi', 'jnx', '济南', 'Jinan'],
  ['XZD', '徐州东', 'Xuzhou East', 'xuzhoudong', 'xzd', '徐州', 'Xuzhou'], ['NJN', '南京南', 'Nanjing South', 'nanjingnan', 'njn', '南京', 'Nanjing'],
  ['SHQ', '上海虹桥', 'Shanghai Hongqiao', 'shanghaihongqiao', 'shhq', '上海', 'Shanghai'], ['SHA', '上海', 'Shanghai', 'shanghai', 'sh', '上海', 'Shanghai'],
].map(([stationId, nameZh, nameEn, pinyin, pinyinInitials, cityZh, cityEn]) => create(StationSchema, { stationId, nameZh, nameEn, pinyin, pinyinInitials, cityZh, cityEn }));

const LINE = ['BJN', 'TJN', 'JNX', 'XZD', 'NJN', 'SHQ'];
const MINUTES = [0, 34, 92, 164, 238, 276];
const TRAINS: [string, TrainType, number, number][] = [
  ['G101', TrainType.G, 6 * 60 + 20, 1], ['G5', TrainType.G, 7 * 60, 0.95], ['G107', TrainType.G, 8 * 60 + 5, 1.12], ['D709', TrainType.D, 9 * 60 + 41, 2.4], ['G119', TrainType.G, 11 * 60 + 35, 1.05],
  ['G139', TrainType.G, 14 * 60 + 5, 1.2], ['Z281', TrainType.Z, 15 * 60 + 18, 3.1], ['G157', TrainType.G, 17 * 60, 1.1], ['D717', TrainType.D, 19 * 60 + 36, 2.6], ['K1109', TrainType.K, 22 * 60 + 10, 4.9],
];
const FARES_FEN: [SeatClass, number][] = [
  [SeatClass.BUSINESS, 232_300], [SeatClass.FIRST, 106_000], [SeatClass.SECOND, 66_200], [SeatClass.SOFT_SLEEPER, 54_450], [SeatClass.HARD_SLEEPER, 34_250], [SeatClass.HARD_SEAT, 17_750],
];

export function suggest(text: string) {
  const wanted = text.toLowerCase();
  const hits = STATIONS.filter((one) => [one.nameZh, one.nameEn.toLowerCase(), one.pinyin, one.pinyinInitials, one.cityZh].some((name) => name.startsWith(wanted)));
  const cities = [...new Set(hits.map(({ cityZh }) => cityZh))].map((cityZh) => ({
    place: { case: 'cityZh' as const, value: cityZh }, cityEn: hits.find((one) => one.cityZh === cityZh)?.cityEn ?? '', stationCount: STATIONS.filter((one) => one.cityZh === cityZh).length,
  }));
  return [...cities, ...hits.map((value) => ({ place: { case: 'station' as const, value }, cityEn: value.cityEn, stationCount: 0 }))];
}

export function offersFor(from: Place | undefined, to: Place | undefined, date: string, type: PassengerType): TrainOffer[] {
  const [from_id, to_id] = [stationOf(from), stationOf(to)];
  if (LINE.indexOf(from_id) < 0 || LINE.indexOf(to_id) <= LINE.indexOf(from_id)) return [];
  return TRAINS.map(([train_no, trainType]) => {
    const journey = journeyOf(`${train_no}.${date.replaceAll('-', '')}`, from_id, to_id);
    return create(TrainOfferSchema, {
      journey, trainType, originStationName: '北京南', terminalStationName: '上海虹桥', classes: classesOf(journey, type), version: 7n, stale: train_no === 'D709',
      durationS: Number((journey.arrivalTime?.seconds ?? 0n) - (journey.departureTime?.seconds ?? 0n)),
      saleState: train_no === 'G157' ? SaleState.BEFORE : train_no === 'G101' ? SaleState.CLOSED : SaleState.OPEN,
      saleStartTime: timestampFromMs(serviceTimeToEpoch_ms(date, 13 * 3600)),
    });
  });
}

/** Every train to the station half-way, with the next one that leaves from there in time. */
export function transfersFor(from: Place | undefined, to: Place | undefined, date: string, type: PassengerType) {
  const [start, end] = [LINE.indexOf(stationOf(from)), LINE.indexOf(stationOf(to))];
  if (start < 0 || end - start < 2) return [];
  const half = create(PlaceSchema, { place: { case: 'stationId', value: LINE[Math.floor((start + end) / 2)]! } });
  const seconds = offersFor(half, to, date, type);
  return offersFor(from, half, date, type).flatMap((first) => {
    const waits = seconds.map((second) => ({ second, connectionS: Number((second.journey?.departureTime?.seconds ?? 0n) - (first.journey?.arrivalTime?.seconds ?? 0n)) }));
    const next = waits.filter(({ connectionS }) => connectionS >= 1200).toSorted((one, other) => one.connectionS - other.connectionS)[0];
    if (next === undefined) return [];
    const legs = [first, next.second];
    const lowest = legs.reduce((sum, { classes }) => sum + classes.reduce((low, { fare }) => (fare !== undefined && fare.amountFen < low ? fare.amountFen : low), 1_000_000n), 0n);
    return [{ legs, connectionS: next.connectionS, durationS: first.durationS + next.connectionS + next.second.durationS, lowestFare: { amountFen: lowest, currency: 'CNY' }, minConnectionS: 1200, available: legs.every(({ classes }) => classes.some(({ remaining }) => remaining > 0)) }];
  });
}

export function journeyOf(runId: string, fromStationId: string, toStationId: string): Journey {
  const [train_no = '', compact = ''] = runId.split('.');
  const date = `${compact.slice(0, 4)}-${compact.slice(4, 6)}-${compact.slice(6)}`;
  const [fromIndex, toIndex] = [LINE.indexOf(fromStationId), LINE.indexOf(toStationId)];
  return create(JourneySchema, {
    runId, trainNo: train_no, serviceDate: date, fromStationId, toStationId, fromIndex, toIndex, distanceM: 1_318_000n,
    departureTime: passing(train_no, date, fromIndex), arrivalTime: passing(train_no, date, toIndex), fromStationName: nameOf(fromStationId), toStationName: nameOf(toStationId),
  });
}

export function runOf(runId: string): TrainRun {
  const { trainNo, serviceDate } = journeyOf(runId, LINE[0]!, LINE.at(-1)!);
  return create(TrainRunSchema, {
    runId, trainNo, serviceDate, saleState: SaleState.OPEN, coaches: coachesOf(runId),
    stops: LINE.map((id, index) => ({
      index, station: STATIONS.find(({ stationId }) => stationId === id),
      arrivalTime: index === 0 ? undefined : passing(trainNo, serviceDate, index),
      departureTime: index === LINE.length - 1 ? undefined : passing(trainNo, serviceDate, index, index === 0 ? 0 : 2),
    })),
  });
}

export function classesOf(journey: Journey, type: PassengerType) {
  const fast = /^[GDC]/.test(journey.trainNo);
  return FARES_FEN.filter(([seat_class]) => (seat_class <= SeatClass.SECOND) === fast).map(([seatClass]) => {
    const noise = stableHash32(`${journey.runId}${seatClass}`) % 7;
    const remaining = [0, 3, 18, 240, 0, 7, 512][noise] ?? 0;
    const change = noise === 0 && journey.toIndex - journey.fromIndex > 1 ? changeIn(journey) : {};
    return create(ClassAvailabilitySchema, { seatClass, remaining, standbyAllowed: noise !== 4, fare: { amountFen: fareFen(journey, seatClass, type), currency: 'CNY' }, fareReduced: type === PassengerType.STUDENT, ...change });
  });
}

/** Seats are changed half-way. */
function changeIn({ fromIndex, toIndex }: Journey) {
  const index = Math.floor((fromIndex + toIndex) / 2);
  const stationId = LINE[index]!;
  return { sameTrainChangeRemaining: 3, sameTrainChangeStops: [{ index, stationId, stationName: nameOf(stationId) }] };
}

export function fareFen(journey: Journey, seat_class: SeatClass, type: PassengerType): bigint {
  const full = FARES_FEN.find(([one]) => one === seat_class)?.[1] ?? 0;
  const share = ((journey.toIndex - journey.fromIndex) / (LINE.length - 1)) * (type === PassengerType.CHILD ? 0.5 : type === PassengerType.STUDENT ? 0.75 : 1);
  return BigInt(Math.round((full * share) / 50) * 50);
}

function stationOf(place: Place | undefined): string {
  if (place?.place.case === 'stationId') return place.place.value;
  return LINE.find((id) => STATIONS.find(({ stationId }) => stationId === id)?.cityZh === place?.place.value) ?? '';
}

function nameOf(station_id: string): string {
  return STATIONS.find(({ stationId }) => stationId === station_id)?.nameZh ?? '';
}

function passing(train_no: string, date: string, index: number, extra_min = 0): Timestamp {
  const [, , start, slowness] = TRAINS.find(([no]) => no === train_no) ?? TRAINS[0]!;
  return timestampFromMs(serviceTimeToEpoch_ms(date, (start + Math.round((MINUTES[index] ?? 0) * slowness) + extra_min) * 60));
}
