// What a test of seats does behind the page's back: other travellers lock, services hold.
import { HoldOwner, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import type { Seat, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { addDays } from '#kit/base/time.ts';
import { newId, type TestStack } from '../support/edge_stack.ts';

/** The whole length of a run, and a class of it. */
export type SeatedRun = { run_id: string; train_no: string; from: Stop; to: Stop; between: Stop; seat_class: SeatClass; date: string };
type Stop = { station_id: string; name: string };

/** Holds of one call: the largest group that inventory takes. */
const GROUP_MAX = 60;
/** Longer than the tests need them, and as long as a hold may be. */
export const HELD_MS = 600_000;

/** Another traveller locks the seat `05/12A` that our page has just shown as free. */
export async function lockForSomebodyElse(stack: TestStack, ride: { run_id: string; from: string; to: string }, name: string): Promise<void> {
  const seats = createClient(SeatService, { service: 'test', address: stack.env.INVENTORY_ADDRESS! });
  try {
    const [coachNo = '', seatNo = ''] = name.split('/');
    const metadata = { authorization: `Bearer ${await stack.token()}` };
    await seats.lockSeats({ requestId: newId(), runId: ride.run_id, fromStationId: ride.from, toStationId: ride.to, seats: [{ coachNo, seatNo }] }, { metadata });
  } finally {
    seats.close();
  }
}

/**
 * Takes every through seat of the smallest class of some run of tomorrow: every other seat is held up to a stop on the way,
 * the rest from there on. So nobody rides through in one seat, and many can in two.
 */
export async function leaveOnlyChanges(stack: TestStack): Promise<SeatedRun> {
  const caller_key = Buffer.from(stack.env.CALLER_KEY!.split(',')[0]!, 'hex');
  const inventory = createClient(InventoryService, { service: 'order', address: stack.env.INVENTORY_ADDRESS!, caller_key });
  const seats = createClient(SeatService, { service: 'test', address: stack.env.INVENTORY_ADDRESS! });
  try {
    const { run, seat_class, all } = await untouchedRun(stack, caller_key, seats);
    const hold = (fromStationId: string, toStationId: string, held: Seat[]) => ({ holdId: `test-${newId()}`, runId: run.run_id, fromStationId, toStationId, owner: HoldOwner.ORDER, holdTtlMs: HELD_MS, items: held.map((seat, index) => ({ itemId: String(index + 1), seat })) });
    const halves = [0, 1].map((half) => all.filter((_, index) => index % 2 === half)) as [Seat[], Seat[]];
    const requests = [
      ...inGroups(halves[0]).map((group) => hold(run.from.station_id, run.between.station_id, group)),
      ...inGroups(halves[1]).map((group) => hold(run.between.station_id, run.to.station_id, group)),
    ];
    const { results } = await inventory.batchHoldSeats({ requests });
    if (results.some(({ outcome }) => outcome.case !== 'hold')) throw new Error('a seat of a run that nobody has bought could not be held');
    return { ...run, seat_class };
  } finally {
    inventory.close();
    seats.close();
  }
}

/** A train of tomorrow that calls somewhere on its way, and its smallest class, of which nobody has bought anything. */
export async function untouchedRun(stack: TestStack, caller_key: Uint8Array, seats: ServiceClient<typeof SeatService>) {
  const query = createClient(QueryService, { service: 'ops', address: stack.env.QUERY_ADDRESS!, caller_key });
  const date = addDays(stack.today, 1);
  try {
    for await (const { run } of query.streamTrainRuns({ serviceDate: date })) {
      const stops = (run?.stops ?? []).map(({ station }) => ({ station_id: station?.stationId ?? '', name: station?.nameZh ?? '' }));
      if (run === undefined || stops.length < 4 || !run.trainNo.startsWith('G')) continue;
      const [from, between, to] = [stops[0]!, stops[Math.floor(stops.length / 2)]!, stops.at(-1)!];
      const { coaches } = await seats.getSeatMap({ runId: run.runId, fromStationId: from.station_id, toStationId: to.station_id });
      const [seat_class, places] = [...Map.groupBy(coaches.flatMap((coach) => coach.seats), ({ seat }) => seat!.seatClass)].toSorted(([, one], [, other]) => one.length - other.length)[0]!;
      if (places.every(({ free }) => free)) return { run: { run_id: run.runId, train_no: run.trainNo, date, from, between, to }, seat_class, all: places.map(({ seat }) => seat!) };
    }
  } finally {
    query.close();
  }
  throw new Error('the small network has no such train');
}

export function inGroups(seats: readonly Seat[]): Seat[][] {
  return Array.from({ length: Math.ceil(seats.length / GROUP_MAX) }, (_, group) => seats.slice(group * GROUP_MAX, (group + 1) * GROUP_MAX));
}
