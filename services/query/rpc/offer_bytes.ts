import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SearchTrainsResponseSchema, TrainOfferSchema, ClassAvailabilitySchema, SeatChangeStopSchema } from '#gen/rail/query/v1/query_pb.ts';
import { JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import { MoneySchema } from '#gen/rail/type/v1/money_pb.ts';
import type { Catalog } from '../domain/catalog.ts';
import { isStandbyAllowed, type ClassOffer, type Offer } from '../domain/offer.ts';
import { SALE_STATE, SEAT_CLASS, TRAIN_TYPE } from './words.ts';

/** Names and ids of a station, as the fields in which an offer has them. */
type StationBytes = Readonly<Record<'from' | 'to' | 'origin' | 'terminal', Uint8Array>>;

/** Beyond it all are made again: fares are whole half yuan and dates those of a sale window, so there are few. */
const MAX_PIECES = 20_000;

/**
 * Writes offers as `offers` of a SearchTrainsResponse, the same message as `offerMessage` makes (a test compares them): what
 * is said of stations, days and fares is written once, the rest without making objects for it. Most of a search is this.
 */
export class OfferBytes {
  readonly #writer = new BinaryWriter();
  readonly #fares = new Map<number, Uint8Array>();
  readonly #dates = new Map<string, Uint8Array>();
  #stations = new Map<string, StationBytes>();
  #catalog: Catalog | undefined;

  /** One behind the other they are a page. An offer is written once: it is never changed. */
  of(catalog: Catalog, offers: readonly Offer[]): Uint8Array[] {
    if (this.#catalog?.stations !== catalog.stations) this.#stations = new Map();
    this.#catalog = catalog;
    const missing = offers.filter(({ made }) => made.bytes === undefined);
    for (const offer of missing) {
      begin(this.#writer, PAGE.offers);
      this.#offer(catalog, offer);
      this.#writer.join();
    }
    if (missing.length > 0) split(this.#writer.finish(), missing);
    return offers.map(({ made }) => made.bytes!);
  }

  #offer(catalog: Catalog, offer: Offer): void {
    const writer = this.#writer;
    const { run, from_index, to_index } = offer;
    const { stops, train_no, train_type } = run.train;
    begin(writer, OFFER.journey);
    text(writer, JOURNEY.runId, run.run_id);
    text(writer, JOURNEY.trainNo, train_no);
    writer.raw(this.#date(run.service_date));
    writer.raw(this.#station(catalog, stops[from_index]!.station_id).from);
    writer.raw(this.#station(catalog, stops[to_index]!.station_id).to);
    number(writer, JOURNEY.fromIndex, from_index);
    number(writer, JOURNEY.toIndex, to_index);
    time(writer, JOURNEY.departureTime, offer.departure_ms);
    time(writer, JOURNEY.arrivalTime, offer.arrival_ms);
    number(writer, JOURNEY.distanceM, offer.distance_m);
    writer.join();
    number(writer, OFFER.trainType, TRAIN_TYPE[train_type]);
    writer.raw(this.#station(catalog, stops[0]!.station_id).origin);
    writer.raw(this.#station(catalog, stops.at(-1)!.station_id).terminal);
    number(writer, OFFER.durationS, (offer.arrival_ms - offer.departure_ms) / 1000);
    for (const entry of offer.classes) {
      begin(writer, OFFER.classes);
      this.#class(catalog, offer, entry);
      writer.join();
    }
    number(writer, OFFER.saleState, SALE_STATE[offer.sale_state]);
    time(writer, OFFER.saleStartTime, offer.sale_start_ms);
    if (offer.version !== 0n) writer.uint32(key(OFFER.version, WireType.Varint)).int64(offer.version);
    if (offer.stale) number(writer, OFFER.stale, 1);
  }

  #class(catalog: Catalog, offer: Offer, entry: ClassOffer): void {
    const writer = this.#writer;
    const { run } = offer;
    const { seat_class, remaining, fare_fen, fare_reduced, seat_change } = entry;
    number(writer, CLASS.seatClass, SEAT_CLASS[seat_class]);
    number(writer, CLASS.remaining, remaining);
    writer.raw(this.#fare(fare_fen));
    if (isStandbyAllowed(offer, entry)) number(writer, CLASS.standbyAllowed, 1);
    if (fare_reduced) number(writer, CLASS.fareReduced, 1);
    if (seat_change === undefined) return;
    number(writer, CLASS.sameTrainChangeRemaining, seat_change.trips);
    for (const index of seat_change.stops) {
      const { station_id } = run.train.stops[index]!;
      begin(writer, CLASS.sameTrainChangeStops);
      number(writer, CHANGE.index, index);
      text(writer, CHANGE.stationId, station_id);
      text(writer, CHANGE.stationName, catalog.stations.get(station_id)!.name_zh);
      writer.join();
    }
  }

  #fare(fare_fen: number): Uint8Array {
    return remembered(this.#fares, fare_fen, (writer) => {
      begin(writer, CLASS.fare);
      number(writer, MONEY.amountFen, fare_fen);
      text(writer, MONEY.currency, 'CNY');
      writer.join();
    });
  }

  #date(service_date: string): Uint8Array {
    return remembered(this.#dates, service_date, (writer) => text(writer, JOURNEY.serviceDate, service_date));
  }

  #station(catalog: Catalog, station_id: string): StationBytes {
    const known = this.#stations.get(station_id);
    if (known !== undefined) return known;
    const { name_zh } = catalog.stations.get(station_id)!;
    const fields = (...parts: [Field, string][]): Uint8Array => {
      const writer = new BinaryWriter();
      for (const [field, value] of parts) text(writer, field, value);
      return writer.finish();
    };
    const made = {
      from: fields([JOURNEY.fromStationId, station_id], [JOURNEY.fromStationName, name_zh]), to: fields([JOURNEY.toStationId, station_id], [JOURNEY.toStationName, name_zh]),
      origin: fields([OFFER.originStationName, name_zh]), terminal: fields([OFFER.terminalStationName, name_zh]),
    };
    this.#stations.set(station_id, made);
    return made;
  }
}

/** Each offer gets its part, tag and length included: parts of one buffer cost less to keep than buffers. */
function split(bytes: Uint8Array, offers: readonly Offer[]): void {
  let at = 0;
  for (const { made } of offers) {
    const begins = at;
    at += 1;
    let [length, factor, byte] = [0, 1, 0];
    do {
      byte = bytes[at]!;
      length += (byte & 0x7f) * factor;
      factor *= 128;
      at += 1;
    } while (byte >= 0x80);
    at += length;
    made.bytes = bytes.subarray(begins, at);
  }
}

function remembered<K>(pieces: Map<K, Uint8Array>, of: K, write: (writer: BinaryWriter) => void): Uint8Array {
  const known = pieces.get(of);
  if (known !== undefined) return known;
  const writer = new BinaryWriter();
  write(writer);
  const bytes = writer.finish();
  if (pieces.size >= MAX_PIECES) pieces.clear();
  pieces.set(of, bytes);
  return bytes;
}

const [PAGE, OFFER, CLASS, CHANGE, JOURNEY, MONEY] = [
  SearchTrainsResponseSchema.field, TrainOfferSchema.field, ClassAvailabilitySchema.field, SeatChangeStopSchema.field, JourneySchema.field, MoneySchema.field,
];

type Field = { number: number };

function key({ number: no }: Field, wire: WireType): number {
  return (no << 3) | wire;
}

/** Ends with `join`. */
function begin(writer: BinaryWriter, field: Field): void {
  writer.uint32(key(field, WireType.LengthDelimited)).fork();
}

/** Nothing is written for what is the default, as everywhere in proto3. */
function text(writer: BinaryWriter, field: Field, value: string): void {
  if (value !== '') writer.uint32(key(field, WireType.LengthDelimited)).string(value);
}

function number(writer: BinaryWriter, field: Field, value: number): void {
  if (value !== 0) writer.uint32(key(field, WireType.Varint)).uint32(value);
}

/** google.protobuf.Timestamp: `seconds` is its first field. Times of trains and sales are whole seconds. */
function time(writer: BinaryWriter, field: Field, time_ms: number): void {
  writer.uint32(key(field, WireType.LengthDelimited)).fork().uint32(TIMESTAMP_SECONDS).uint32(time_ms / 1000).join();
}

const TIMESTAMP_SECONDS = (1 << 3) | WireType.Varint;
