import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runsOn } from '../calendar.ts';
import { MAX_SEGMENTS_PER_TRAIN } from '../model.ts';
import { consistById } from '../rules/coaches.ts';
import { feedWith, feedWithLine, smallFeed, zipOf } from './feed_for_tests.ts';
import { importFeed } from './import.ts';
import { MAX_ERRORS, MAX_ROWS, MAX_UNCOMPRESSED_BYTES, MAX_ZIP_BYTES, MAX_ZIP_ENTRIES } from './limits.ts';
import type { ProblemCode } from './problems.ts';

test('a plain feed becomes a timetable, with everything it lacks from the rules', async (t) => {
  const result = await importFeed(await feedWith({}));
  if (!result.ok) return t.fail(JSON.stringify(result.errors));
  const { stations, trains, feed, version, checksum } = result.value;
  t.deepEqual(stations.map((s) => [s.station_id, s.pinyin_initials, s.city_zh, s.name_en]), [
    ['BJ', 'bjn', '北京', 'Beijing South'], ['JN', 'jnx', '济南', 'Jinan West'], ['SH', 'shhq', '上海', 'Shanghaihongqiao'],
  ]);
  t.deepEqual(trains.map((train) => [train.train_id, train.train_no, train.train_type]), [['T1', 'G1', 'G'], ['T2', 'K2', 'K']]);
  t.deepEqual(trains[0]!.stops.map((s) => s.stop_sequence), [0, 1, 2]);
  t.is(trains[1]!.stops[1]!.arrival_s, 28 * 3600 + 600);
  t.deepEqual(trains[1]!.coaches, consistById('K17').coaches);
  t.true(trains[0]!.stops[2]!.distance_m > 900_000 && trains[0]!.stops[2]!.distance_m < 1_400_000);
  t.is(trains[0]!.service, trains[1]!.service);
  t.deepEqual([feed.start_date, feed.end_date], ['2026-01-01', '2026-12-31']);
  t.is(version, `tt-${checksum.slice(0, 16)}`);
});

test('the version depends on content, not on order, quoting, line ends or byte order mark', async (t) => {
  const version = await versionOf(await feedWith({}));
  const files = smallFeed();
  const dressed = new Map<string, string>();
  for (const [name, text] of files) {
    const [header, ...rows] = text.trimEnd().split('\n');
    const turned = [header!, ...rows.toReversed()].map((line) => line.split(',').toReversed().map((cell) => `"${cell}"`).join(','));
    dressed.set(name, `\uFEFF${turned.join('\r\n')}\r\n`);
  }
  t.is(await versionOf(await zipOf([...dressed].toReversed())), version);
  t.not(await versionOf(await feedWithLine('stop_times.txt', 3, 'T1,08:30:00,08:33:00,JN,2')), version);
  t.not(await versionOf(await feedWithLine('stops.txt', 2, 'BJ,北京,39.865,116.379')), version);
  // So small a move changes no distance, only the station itself.
  t.not(await versionOf(await feedWithLine('stops.txt', 2, 'BJ,北京南,39.8650000001,116.379')), version);
  t.not(await versionOf(await feedWithLine('calendar.txt', 2, 'daily,1,1,1,1,1,1,0,20260101,20261231')), version);
});

test('calendar and calendar_dates work together and alone', async (t) => {
  const exceptions = 'service_id,date,exception_type\ndaily,20260217,2\ndaily,20270101,1\n';
  const both = await importFeed(await feedWith({ 'calendar_dates.txt': exceptions }));
  t.true(both.ok && !runsOn(both.value.trains[0]!.service, '2026-02-17') && runsOn(both.value.trains[0]!.service, '2027-01-01'));
  t.is(both.ok && both.value.feed.end_date, '2027-01-01');
  const alone = await importFeed(await feedWith({ 'calendar.txt': undefined, 'calendar_dates.txt': exceptions }));
  t.true(alone.ok && runsOn(alone.value.trains[0]!.service, '2027-01-01') && !runsOn(alone.value.trains[0]!.service, '2026-05-01'));
});

test('platforms are folded into their station, buses are left out, times between may be missing', async (t) => {
  const result = await importFeed(
    await feedWith({
      'stops.txt':
        'stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\nBJ,北京南,39.865,116.379,1,\nBJ-1,站台,39.865,116.379,0,BJ\n' +
        'JN,济南西,36.67,116.893,,\nSH,上海虹桥,31.196,121.316,,\nGATE,,,,2,BJ\n',
      'routes.txt': 'route_id,route_short_name,route_type\nR1,G1,2\nR2,机场巴士,3\n',
      'stop_times.txt':
        'trip_id,arrival_time,departure_time,stop_id,stop_sequence\nT1,07:00:00,07:00:00,BJ-1,1\nT1,,,JN,2\nT1,13:00:00,,SH,3\nT2,07:00:00,07:00:00,SH,1\n',
    }),
  );
  if (!result.ok) return t.fail(JSON.stringify(result.errors));
  t.is(result.value.trains.length, 1);
  t.deepEqual(result.value.trains[0]!.stops.map((s) => [s.station_id, s.arrival_s]), [['BJ', 25_200], ['JN', 36_000], ['SH', 46_800]]);
  t.deepEqual(result.warnings.map((w) => [w.code, w.line]), [['not_rail', 3], ['interpolated_time', 3]]);
});

test('shape distances are taken in whatever unit they are', async (t) => {
  const distances: Record<string, [string, string]> = { metres: ['410000', '1350000'], kilometres: ['410.0', '1350'], miles: ['254.76218', '838.85110'], feet: ['1345144.4', '4429133.9'] };
  for (const [unit, [jn, sh]] of Object.entries(distances)) {
    const result = await importFeed(
      await feedWith({
        'stop_times.txt':
          'trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n' +
          `T1,07:00:00,07:00:00,BJ,1,0\nT1,08:30:00,08:32:00,JN,2,${jn}\nT1,11:30:00,11:30:00,SH,5,${sh}\nT2,20:00:00,20:00:00,SH,1,\nT2,33:00:00,33:00:00,BJ,3,\n`,
      }),
    );
    if (!result.ok) return t.fail(JSON.stringify(result.errors));
    t.deepEqual(result.value.trains[0]!.stops.map((s) => s.distance_m), [0, 410_000, 1_350_000], unit);
  }
});

const bad_lines: [what: string, file: string, line: number, text: string, code: ProblemCode, column?: string][] = [
  ['another time zone', 'agency.txt', 2, 'A,Rail,https://example.com,Europe/Paris', 'unsupported_timezone', 'agency_timezone'],
  ['a missing column', 'stops.txt', 1, 'stop_id,stop_name,stop_lat,x', 'missing_column', 'stop_lon'],
  ['a column twice', 'stops.txt', 1, 'stop_id,stop_name,stop_lat,stop_lat', 'duplicate_column', 'stop_lat'],
  ['a latitude beyond the pole', 'stops.txt', 3, 'JN,济南西,96.67,116.893', 'bad_coordinate', 'stop_lat'],
  ['a longitude that is a word', 'stops.txt', 3, 'JN,济南西,36.67,east', 'bad_coordinate', 'stop_lon'],
  ['a longitude with an exponent', 'stops.txt', 3, 'JN,济南西,36.67,1e2', 'bad_coordinate', 'stop_lon'],
  ['a place in the gulf of Guinea', 'stops.txt', 3, 'JN,济南西,0,0', 'bad_coordinate', 'stop_lat'],
  ['a stop without a name', 'stops.txt', 3, 'JN,,36.67,116.893', 'missing_value', 'stop_name'],
  ['a stop twice', 'stops.txt', 4, 'BJ,上海虹桥,31.196,121.316', 'duplicate_id', 'stop_id'],
  ['a cell too many', 'stops.txt', 3, 'JN,济南西,36.67,116.893,9', 'wrong_column_count'],
  ['a route type that is a word', 'routes.txt', 2, 'R1,G1,train', 'bad_value', 'route_type'],
  ['a trip of no route', 'trips.txt', 2, 'R9,daily,T1', 'unknown_reference', 'route_id'],
  ['a trip of no service', 'trips.txt', 2, 'R1,never,T1', 'unknown_reference', 'service_id'],
  ['a trip twice', 'trips.txt', 3, 'R2,daily,T1', 'duplicate_id', 'trip_id'],
  ['a stop time of no trip', 'stop_times.txt', 3, 'T9,08:30:00,08:32:00,JN,2', 'unknown_reference', 'trip_id'],
  ['a stop time at no stop', 'stop_times.txt', 3, 'T1,08:30:00,08:32:00,XX,2', 'unknown_reference', 'stop_id'],
  ['a time that is none', 'stop_times.txt', 3, 'T1,08:60:00,08:32:00,JN,2', 'bad_time', 'arrival_time'],
  ['a time next week', 'stop_times.txt', 7, 'T2,133:00:00,133:00:00,BJ,3', 'bad_time', 'arrival_time'],
  ['a departure before the arrival', 'stop_times.txt', 3, 'T1,08:30:00,08:29:00,JN,2', 'times_not_monotone', 'departure_time'],
  ['an arrival before the last departure', 'stop_times.txt', 3, 'T1,06:30:00,08:32:00,JN,2', 'times_not_monotone', 'arrival_time'],
  ['a sequence twice', 'stop_times.txt', 3, 'T1,08:30:00,08:32:00,JN,1', 'duplicate_sequence', 'stop_sequence'],
  ['a sequence below zero', 'stop_times.txt', 3, 'T1,08:30:00,08:32:00,JN,-1', 'bad_value', 'stop_sequence'],
  ['two calls in a row', 'stop_times.txt', 3, 'T1,08:30:00,08:32:00,BJ,2', 'repeated_station', 'stop_id'],
  ['no time at the end', 'stop_times.txt', 7, 'T2,,,BJ,3', 'missing_value', 'arrival_time'],
  ['a day that is not', 'calendar.txt', 2, 'daily,1,1,1,1,1,1,1,20260101,20260230', 'bad_date', 'end_date'],
  ['an absurd year', 'calendar.txt', 2, 'daily,1,1,1,1,1,1,1,10260101,20261231', 'bad_date', 'start_date'],
  ['an end before the start', 'calendar.txt', 2, 'daily,1,1,1,1,1,1,1,20260101,20250101', 'bad_date', 'end_date'],
  ['a service of twenty years', 'calendar.txt', 2, 'daily,1,1,1,1,1,1,1,20260101,20461231', 'bad_date', 'end_date'],
  ['a weekday that is a word', 'calendar.txt', 2, 'daily,yes,1,1,1,1,1,1,20260101,20261231', 'bad_value', 'monday'],
];

for (const [what, file, line, text, code, column] of bad_lines) {
  test(`refused with its line: ${what}`, async (t) => {
    const result = await importFeed(await feedWithLine(file, line, text));
    t.false(result.ok);
    if (result.ok) return;
    const found = result.errors.find((error) => error.code === code);
    t.like(found, column === undefined ? { file, line } : { file, line, column }, JSON.stringify(result.errors));
  });
}

const bad_files: [what: string, changes: Record<string, string | Buffer | undefined>, file: string, code: ProblemCode][] = [
  ['no stops.txt', { 'stops.txt': undefined }, 'stops.txt', 'missing_file'],
  ['no calendar at all', { 'calendar.txt': undefined }, 'calendar.txt', 'missing_file'],
  ['an empty file', { 'stops.txt': '' }, 'stops.txt', 'empty_file'],
  ['no agency', { 'agency.txt': 'agency_id,agency_name,agency_url,agency_timezone\n' }, 'agency.txt', 'empty_file'],
  ['no trip', { 'trips.txt': 'route_id,service_id,trip_id\n', 'stop_times.txt': 'trip_id,arrival_time,departure_time,stop_id,stop_sequence\n' }, 'trips.txt', 'no_trains'],
  ['a trip with one stop', { 'stop_times.txt': smallFeed().get('stop_times.txt')!.replaceAll(/T2,(28|33).*\n/g, '') }, 'trips.txt', 'too_few_stops'],
  ['an open quote', { 'stops.txt': 'stop_id,stop_name,stop_lat,stop_lon\n"BJ,北京南,39.865,116.379\n' }, 'stops.txt', 'bad_csv'],
  ['bytes that are no text', { 'stops.txt': Buffer.from('stop_id,stop_name,stop_lat,stop_lon\nBJ,\xff\xfe,39.865,116.379\n', 'latin1') }, 'stops.txt', 'bad_encoding'],
  ['trains by frequency', { 'frequencies.txt': 'trip_id,start_time,end_time,headway_secs\nT1,06:00:00,22:00:00,600\n' }, 'frequencies.txt', 'unsupported_frequencies'],
  ['no day of service', { 'calendar.txt': smallFeed().get('calendar.txt')!.replace('1,1,1,1,1,1,1', '0,0,0,0,0,0,0') }, 'trips.txt', 'no_service_days'],
  ['coaches that cannot be laid out', {
    'chunyun_coaches.txt': 'consist_id,coach_no,seat_class,layout_id,seat_count\nX,1,first,second-90,90\n',
    'chunyun_trains.txt': 'trip_id,train_type,consist_id,standing_capacity\nT1,G,X,0\n',
  }, 'chunyun_coaches.txt', 'bad_coach'],
  ['two classes in one row', {
    'chunyun_coaches.txt': 'consist_id,coach_no,seat_class,layout_id,seat_count\nX,1,business,business-9,9\nX,1,first,first-28@3,28\n',
    'chunyun_trains.txt': 'trip_id,train_type,consist_id,standing_capacity\nT1,G,X,0\n',
  }, 'chunyun_coaches.txt', 'bad_coach'],
  ['berths on a G train', {
    'chunyun_coaches.txt': 'consist_id,coach_no,seat_class,layout_id,seat_count\nX,1,hard_sleeper,hard_sleeper-66,66\n',
    'chunyun_trains.txt': 'trip_id,train_type,consist_id,standing_capacity\nT1,G,X,0\n',
  }, 'chunyun_trains.txt', 'bad_coach'],
  ['prices of another rule', { 'chunyun_fares.txt': 'rule_version,train_type,seat_class,berth,distance_km,amount_fen\nchunyun-fares-1,G,second,,100,4601\n' }, 'chunyun_fares.txt', 'fare_rule_mismatch'],
];

for (const [what, changes, file, code] of bad_files) {
  test(`refused: ${what}`, async (t) => {
    const result = await importFeed(await feedWith(changes));
    t.false(result.ok);
    if (!result.ok) t.true(result.errors.some((e) => e.file === file && e.code === code), JSON.stringify(result.errors));
  });
}

test('a train of as many segments as the ledger has bits passes, one more is refused', async (t) => {
  const stopTimes = (segments: number): string => {
    const rows = Array.from({ length: segments + 1 }, (_, at) => `T1,${7 + at}:00:00,${7 + at}:10:00,${['BJ', 'JN', 'SH'][at % 3]},${at}`);
    return `trip_id,arrival_time,departure_time,stop_id,stop_sequence\n${rows.join('\n')}\nT2,20:00:00,20:00:00,SH,1\nT2,33:00:00,33:00:00,BJ,3\n`;
  };
  t.true((await importFeed(await feedWith({ 'stop_times.txt': stopTimes(MAX_SEGMENTS_PER_TRAIN) }))).ok);
  const long = await importFeed(await feedWith({ 'stop_times.txt': stopTimes(MAX_SEGMENTS_PER_TRAIN + 1) }));
  t.like(long, { ok: false, errors: [{ file: 'stop_times.txt', line: MAX_SEGMENTS_PER_TRAIN + 3, code: 'too_many_segments' }] });
});

test('errors are bounded', async (t) => {
  const rows = Array.from({ length: 5_000 }, (_, at) => `S${at},站,200,200`).join('\n');
  const result = await importFeed(await feedWith({ 'stops.txt': `stop_id,stop_name,stop_lat,stop_lon\n${rows}\n` }));
  t.is(result.ok ? 0 : result.errors.length, MAX_ERRORS);
});

test('a zip bomb, a crowded zip, a zip of zips and no zip are refused before anything is inflated', async (t) => {
  const declared = withDeclaredSize(await feedWith({}), 'stops.txt', MAX_UNCOMPRESSED_BYTES + 1);
  t.like(await importFeed(declared), { ok: false, errors: [{ code: 'too_large' }] });
  const crowd = await zipOf(Array.from({ length: MAX_ZIP_ENTRIES + 1 }, (_, at) => [`${at}.txt`, '']));
  t.like(await importFeed(crowd), { ok: false, errors: [{ code: 'too_many_entries' }] });
  t.like(await importFeed(Buffer.from('not a zip')), { ok: false, errors: [{ code: 'corrupt_zip' }] });
  t.like(await importFeed(Buffer.alloc(0)), { ok: false, errors: [{ code: 'corrupt_zip' }] });
  t.like(await importFeed('/nowhere/feed.zip'), { ok: false, errors: [{ code: 'unreadable_file' }] });
  t.like(await importFeed(await zipOf([...smallFeed(), ['stops.txt', '']])), { ok: false, errors: [{ code: 'duplicate_file' }] });
});

test('more rows than the limit of the file, and a zip larger than any feed, are refused', async (t) => {
  const header = 'feed_publisher_name,feed_publisher_url,feed_lang\n';
  const result = await importFeed(await feedWith({ 'feed_info.txt': header + 'Rail,https://example.com,zh\n'.repeat(MAX_ROWS['feed_info.txt']! + 1) }));
  t.like(result, { ok: false, errors: [{ file: 'feed_info.txt', line: MAX_ROWS['feed_info.txt']! + 2, code: 'too_many_rows' }] });
  t.like(await importFeed(Buffer.alloc(MAX_ZIP_BYTES + 1)), { ok: false, errors: [{ code: 'too_large' }] });
});

test('distances that do not grow are refused at their line', async (t) => {
  const rows = smallFeed().get('stop_times.txt')!.trimEnd().split('\n').map((row, at) => `${row},${['shape_dist_traveled', 0, 500, 500, 0, 1, 2][at]}`);
  const result = await importFeed(await feedWith({ 'stop_times.txt': rows.join('\n') }));
  t.like(result, { ok: false, errors: [{ file: 'stop_times.txt', line: 4, column: 'shape_dist_traveled', code: 'distance_not_monotone' }] });
});

test('lines are counted as an editor shows them, through quoted line ends', async (t) => {
  const text = 'stop_id,stop_name,stop_lat,stop_lon,stop_desc\r\nBJ,北京南,39.865,116.379,"first\r\nsecond"\r\nJN,济南西,x,116.893,\r\n';
  const result = await importFeed(await feedWith({ 'stops.txt': text }));
  t.true(!result.ok && result.errors.some((error) => error.line === 4 && error.column === 'stop_lat'), JSON.stringify(result));
});

test('a file that inflates to more than it declares is cut off', async (t) => {
  const rows = Array.from({ length: 20_000 }, () => 'BJ,北京南,39.865,116.379').join('\n');
  const bomb = withDeclaredSize(await feedWith({ 'stops.txt': `stop_id,stop_name,stop_lat,stop_lon\n${rows}\n` }), 'stops.txt', 100);
  const result = await importFeed(bomb);
  t.true(!result.ok && result.errors.some((error) => error.file === 'stops.txt' && error.code === 'corrupt_zip'));
});

test('a bit flipped in stored text is noticed by its checksum', async (t) => {
  const zip = await zipOf(smallFeed(), false);
  const at = zip.indexOf('07:00:00');
  zip[at + 1] = '8'.charCodeAt(0);
  t.like(await importFeed(zip), { ok: false, errors: [{ file: 'stop_times.txt', code: 'corrupt_zip' }] });
});

test('a feed is read from a path too, and an aborted import says so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-feed-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'feed.zip');
  await writeFile(path, await feedWith({}));
  t.true((await importFeed(path)).ok);
  t.like(await importFeed(path, { signal: AbortSignal.abort() }), { ok: false, errors: [{ code: 'cancelled' }] });
});

async function versionOf(zip: Buffer): Promise<string> {
  const result = await importFeed(zip);
  return result.ok ? result.value.version : JSON.stringify(result.errors);
}

/** Overwrites the uncompressed size in the central directory, which is where readers look. */
function withDeclaredSize(zip: Buffer, file: string, size: number): Buffer {
  const changed = Buffer.from(zip);
  const name_at = changed.lastIndexOf(file);
  changed.writeUInt32LE(size, name_at - 46 + 24);
  return changed;
}
