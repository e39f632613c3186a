import { Buffer } from 'node:buffer';
import test from 'ava';
import * as fc from 'fast-check';
import { generateTimetable } from '../generate/generate.ts';
import { gtfsFiles, writeGtfs } from '../generate/write_gtfs.ts';
import { zipOf } from './feed_for_tests.ts';
import { importFeed } from './import.ts';
import { MAX_ERRORS } from './limits.ts';

const SCALE = 0.03;

test('what is generated, written and imported is what was generated', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 32 }), async (seed) => {
      const timetable = generateTimetable({ seed, scale: SCALE });
      fc.pre(timetable.trains.length > 0);
      const result = await importFeed(await writeGtfs(timetable));
      t.deepEqual(result, { ok: true, value: timetable, warnings: [] });
    }),
    { numRuns: 12 },
  );
});

test('the full network survives the same trip', async (t) => {
  const timetable = generateTimetable({ seed: 7 });
  t.deepEqual(await importFeed(await writeGtfs(timetable)), { ok: true, value: timetable, warnings: [] });
});

test('a zip cut off anywhere is refused', async (t) => {
  const zip = await writeGtfs(generateTimetable({ seed: 3, scale: SCALE }));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: zip.length - 1 }), async (length) => {
      const result = await importFeed(zip.subarray(0, length));
      return !result.ok && result.errors.length > 0;
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('bytes changed anywhere in a zip never throw, and what still passes is unchanged', async (t) => {
  const timetable = generateTimetable({ seed: 3, scale: SCALE });
  const zip = await writeGtfs(timetable);
  const change = fc.record({ at: fc.integer({ min: 0, max: zip.length - 1 }), byte: fc.integer({ min: 0, max: 255 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
      const broken = Buffer.from(zip);
      for (const { at, byte } of changes) broken[at] = byte;
      const result = await importFeed(broken);
      if (!result.ok) return result.errors.length > 0;
      // Only times, modes and names of optional files can change unnoticed; they are not the required content.
      return result.value.trains.length === timetable.trains.length;
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** Files whose every row must make sense; the rest may be ignored by design. */
const CHECKED = ['stops.txt', 'routes.txt', 'trips.txt', 'stop_times.txt', 'calendar.txt', 'calendar_dates.txt', 'chunyun_trains.txt', 'chunyun_coaches.txt', 'chunyun_stations.txt', 'chunyun_fares.txt'];

test('a row that loses a cell is refused at its line', async (t) => {
  const files = gtfsFiles(generateTimetable({ seed: 5, scale: SCALE }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...CHECKED), fc.nat(), async (file, pick) => {
      const lines = files.get(file)!.split('\n');
      const at = 1 + (pick % (lines.length - 2));
      lines[at] = lines[at]!.slice(0, lines[at]!.lastIndexOf(','));
      const result = await importFeed(await zipOf(new Map(files).set(file, lines.join('\n'))));
      return !result.ok && result.errors.some((error) => error.file === file && error.line === at + 1 && error.code === 'wrong_column_count');
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('any text in any cell either passes or gives errors with a line, and never throws', async (t) => {
  const files = gtfsFiles(generateTimetable({ seed: 5, scale: SCALE }));
  const nasty = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', '-1', '99:99:99', '1e9', 'NaN', '"', '""', '\r\n', '\u0000', '\uFFFD', '0', '20261301', '9'.repeat(400)));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files.keys()), fc.nat(), fc.nat(), nasty, async (file, pick_line, pick_cell, text) => {
      const lines = files.get(file)!.split('\n');
      const at = pick_line % (lines.length - 1);
      const cells = lines[at]!.split(',');
      cells[pick_cell % cells.length] = text;
      lines[at] = cells.join(',');
      const result = await importFeed(await zipOf(new Map(files).set(file, lines.join('\n'))));
      if (result.ok) return true;
      const { errors } = result;
      return errors.length > 0 && errors.length <= MAX_ERRORS && errors.every((e) => e.file !== '' && e.message !== '' && Number.isInteger(e.line) && e.line >= 0);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('random bytes are no feed', async (t) => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => !(await importFeed(bytes)).ok));
  t.pass();
});
