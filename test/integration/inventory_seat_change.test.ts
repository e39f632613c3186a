// What query promises of changing seats on the way, held against inventory itself: so many single orders do succeed, and
// the first of them changes where it was said.
import fc from 'fast-check';
import test from 'ava';
import { HoldOwner } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { pairIndex } from '../../services/query/domain/remaining.ts';
import { seatChangeOf } from '../../services/query/domain/seat_change.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

const STOPS = 7;
const SEATS = 5;
const LAST = STOPS - 1;
const WHOLE = { fromStationId: 's0', toStationId: `s${LAST}` };

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

let trains = 0;

/** For each seat the segments that others have: at least one, so that no seat goes through. */
const sold = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: LAST - 1 }), { minLength: 1, maxLength: 4 }), { minLength: SEATS, maxLength: SEATS });

test('every trip that is offered with a change of seats can be bought', async (t) => {
  let offered = 0;
  await fc.assert(
    fc.asyncProperty(sold, async (by_seat) => {
      const run_id = await world.open(testRun(`C${(trains += 1)}`, { stops: STOPS, coaches: [[SeatClass.SECOND, SEATS]] }));
      await sell(run_id, by_seat);
      const { remaining } = await world.client.getRemaining({ runId: run_id });
      const counts: number[] = [];
      for (const one of remaining) counts[pairIndex(STOPS, one.fromIndex, one.toIndex)] = one.remaining;
      const change = seatChangeOf({ stop_count: STOPS, left: (pair) => counts[pair]! }, 0, LAST);
      for (let trip = 0; trip < (change?.trips ?? 0); trip += 1) {
        const { seats } = await world.hold({ holdId: `trip-${run_id}-${trip}`, runId: run_id, ...WHOLE, acceptSameTrainChange: true });
        if (trip === 0) t.deepEqual(seats.map(({ fromIndex }) => fromIndex), [0, ...change!.stops]);
        offered += 1;
      }
      if (change === undefined) await t.throwsAsync(world.hold({ holdId: `none-${run_id}`, runId: run_id, ...WHOLE, acceptSameTrainChange: true }), { message: /SOLD_OUT/ });
    }),
    { numRuns: 25 },
  );
  t.true(offered > 10, `only ${offered} trips were offered`);
});

async function sell(run_id: string, by_seat: readonly number[][]): Promise<void> {
  const requests = by_seat.flatMap((segments, seat) =>
    segments.map((segment) => ({
      holdId: `sold-${run_id}-${seat}-${segment}`, runId: run_id, owner: HoldOwner.ORDER, fromStationId: `s${segment}`, toStationId: `s${segment + 1}`,
      items: [{ itemId: '1', seat: { coachNo: '01', seatNo: `01${'ABCDF'[seat]}` } }],
    })),
  );
  const { results } = await world.client.batchHoldSeats({ requests });
  if (results.some(({ outcome }) => outcome.case !== 'hold')) throw new Error('a free seat could not be held');
}
