import fc from 'fast-check';
import test from 'ava';
import { addDays } from '#kit/base/time.ts';
import { generateTimetable } from '../../../timetable/generate/generate.ts';
import { buildCatalog } from '../domain/catalog.ts';
import { classesOf, type Offer } from '../domain/offer.ts';
import { PackedCounts } from '../domain/packed_counts.ts';
import { RemainingTable } from '../domain/remaining.ts';
import { Listings } from './listings.ts';

const catalog = buildCatalog(generateTimetable({ seed: 7, scale: 0.05 }));
const TODAY = '2026-06-10';
const MORNING_MS = Date.parse(`${TODAY}T07:00:00+08:00`);
const HOUR_MS = 3_600_000;
const buyer = { channel: 'web' as const, passenger_type: 'adult' as const };
const cities = [...catalog.stations_of_city.values()].toSorted((a, b) => calls(b) - calls(a)).slice(0, 8);

function calls(stations: readonly { station_id: string }[]): number {
  return stations.reduce((sum, { station_id }) => sum + (catalog.calls_at.get(station_id)?.length ?? 0), 0);
}

/** Few questions, so that each is asked again and again: what is asked once is not kept. */
const questions = [0, 1].flatMap((day) => cities.flatMap((from) => cities.map((to) => ({ from, to, date: addDays(TODAY, day), buyer }))).toSorted((a, b) => count(b) - count(a)).slice(0, 2));

type Event = { kind: 'change'; run: number; left: number } | { kind: 'time'; hours: number } | { kind: 'stream'; connected: boolean } | { kind: 'ask'; which: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant('change' as const), run: fc.nat(10_000), left: fc.nat(3) }),
  fc.record({ kind: fc.constant('time' as const), hours: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('stream' as const), connected: fc.boolean() }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ask' as const), which: fc.nat(3) }) },
);

test('whatever changed since a question was asked last, its listing is what one made now would be', (t) => {
  let asked = 0;
  const runs = questions.flatMap((question) => new Listings(new RemainingTable()).offersOf(catalog, question, MORNING_MS).map(({ run }) => run));
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 60 }), (events) => {
      const table = new RemainingTable();
      const listings = new Listings(table);
      let [now_ms, version] = [MORNING_MS, 0n];
      table.connected();
      for (const one of events) {
        if (one.kind === 'time') now_ms += one.hours * HOUR_MS;
        else if (one.kind === 'stream') {
          if (one.connected) table.connected();
          else table.disconnected();
        } else if (one.kind === 'change') {
          const run = runs[one.run % runs.length]!;
          const pairs = (run.train.stops.length * (run.train.stops.length - 1)) / 2;
          version += 1n;
          table.put({ run_id: run.run_id, bucket: one.run % 3, epoch: 1, version, open: one.left > 0, classes: new PackedCounts(classesOf({ run }).map((seat_class) => ({ seat_class, counts: Array.from({ length: pairs }, () => one.left) }))) });
          table.snapshotComplete(one.run % 3);
        } else {
          const question = questions[one.which]!;
          const [kept, fresh] = [listings.offersOf(catalog, question, now_ms), new Listings(table).offersOf(catalog, question, now_ms)];
          asked += fresh.length;
          t.deepEqual(kept.map(saying), fresh.map(saying));
        }
      }
    }),
    { numRuns: 80 },
  );
  t.true(asked > 200, `${asked} offers were compared`);
});

test('an offer that says the same is the same, and one whose run changed is not', (t) => {
  const table = new RemainingTable();
  table.connected();
  const listings = new Listings(table);
  const question = questions.at(-1)!;
  listings.offersOf(catalog, question, MORNING_MS);
  const before = listings.offersOf(catalog, question, MORNING_MS);
  t.true(before.length > 1);
  t.is(listings.offersOf(catalog, question, MORNING_MS + 1_000)[0], before[0]);
  const { run } = before[1]!;
  const pairs = (run.train.stops.length * (run.train.stops.length - 1)) / 2;
  table.put({ run_id: run.run_id, bucket: 0, epoch: 1, version: 7n, open: true, classes: new PackedCounts(classesOf({ run }).map((seat_class) => ({ seat_class, counts: Array.from({ length: pairs }, () => 5) }))) });
  const after = listings.offersOf(catalog, question, MORNING_MS + 2_000);
  t.is(after[0], before[0]);
  t.is(after[1]!.version, 7n);
  t.is(before[1]!.version, 0n, 'what was given out is not changed');
});

function count({ from, to, date }: { from: (typeof cities)[number]; to: (typeof cities)[number]; date: string }): number {
  return from === to ? 0 : new Listings(new RemainingTable()).offersOf(catalog, { from, to, date, buyer }, MORNING_MS).length;
}

function saying({ run, ...rest }: Offer): unknown {
  return { run_id: run.run_id, ...rest };
}
