// What inventory is said to have: the seats of a few runs, sold at random. Everything follows from the id of the run, so that
// the stream and the oracle tell the same without keeping anything.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RunRemainingSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { Channel, PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { seededRandom, type Random } from '../../timetable/generate/random.ts';
import type { Trip } from './feed.ts';
import { CHANNELS, CLASSES, PASSENGERS } from './words.ts';

/** Seats that can be had by whom; each is a row of segments that are free or sold. */
type Pool = { channel?: string; passenger?: string; seats: boolean[][] };

/** What is told of a run: all that the oracle asks for. */
export type Told = { version: bigint; open: boolean; left: (seat_class: string, buyer: Buyer, from: number, to: number) => number };

export type Buyer = { channel: string; passenger: string };

export type Stock = Told & { bucket: number; pools: ReadonlyMap<string, readonly Pool[]> };

export const BUCKETS = 16;

/** Undefined where inventory has not opened the run. The first pool of a class is everybody's. */
export function stockOf(seed: number, run_id: string, trip: Trip): Stock | undefined {
  const random = seededRandom(`${seed}/${run_id}`);
  if (random.chance(0.08)) return undefined;
  const segments = trip.calls.length - 1;
  const pools = new Map(trip.classes.map((seat_class): [string, Pool[]] => {
    const sold = random.next() * 1.2;
    const all = [{ seats: someSeats(random, random.int(0, 5), segments, sold) }];
    return [seat_class, random.chance(0.1) ? [...all, quota(random, segments)] : all];
  }));
  const left: Told['left'] = (seat_class, buyer, from, to) => seatsLeft(pools.get(seat_class) ?? [], buyer, from, to);
  return { version: BigInt(random.int(1, 1_000_000)), open: !random.chance(0.05), bucket: random.int(0, BUCKETS - 1), pools, left };
}

/** Seats free on the whole way from one call to another, for a buyer: the best of what everybody and any fitting quota gives. */
function seatsLeft(pools: readonly Pool[], buyer: Buyer, from: number, to: number): number {
  const own = pools.filter(({ channel, passenger }) => (channel === undefined || channel === buyer.channel) && (passenger === undefined || passenger === buyer.passenger));
  return Math.max(0, ...own.map(({ seats }) => seats.filter((seat) => seat.slice(from, to).every(Boolean)).length));
}

/** The same as inventory streams it. */
export function stockMessage(run_id: string, trip: Trip, { version, open, bucket, pools }: Stock): MessageInitShape<typeof RunRemainingSchema> {
  const triangle = (seats: boolean[][]): number[] => {
    const counts: number[] = [];
    for (let from = 0; from < trip.calls.length; from += 1) for (let to = from + 1; to < trip.calls.length; to += 1) counts.push(seats.filter((seat) => seat.slice(from, to).every(Boolean)).length);
    return counts;
  };
  const classes = [...pools].map(([seat_class, [all, ...quotas]]) => ({
    seatClass: CLASSES[seat_class]!,
    remaining: triangle(all!.seats),
    quotas: quotas.map(({ channel, passenger, seats }) => ({
      channel: channel === undefined ? Channel.UNSPECIFIED : CHANNELS[channel]!,
      passengerType: passenger === undefined ? PassengerType.UNSPECIFIED : PASSENGERS[passenger]!,
      remaining: triangle(seats),
    })),
  }));
  return { runId: run_id, bucket, epoch: 1, version, open, classes };
}

function quota(random: Random, segments: number): Pool {
  const seats = someSeats(random, random.int(1, 4), segments, 0.3);
  return random.chance(0.5) ? { channel: 'app', seats } : random.chance(0.5) ? { passenger: 'student', seats } : { channel: 'web', passenger: 'child', seats };
}

function someSeats(random: Random, count: number, segments: number, sold: number): boolean[][] {
  return Array.from({ length: count }, () => Array.from({ length: segments }, () => !random.chance(sold)));
}
