import test from 'ava';
import * as fc from 'fast-check';
import { generateTimetable } from '../generate/generate.ts';
import { buildStationIndex, MAX_SUGGESTIONS, resolvePlace, suggestStations, type Match } from './stations.ts';
import { isPrefixWithOneMistake } from './typing.ts';

const timetable = generateTimetable({ seed: 1 });
const index = buildStationIndex(timetable);

const finds: [query: string, name_zh: string, match: Match][] = [
  ['北京南', '北京南', 'exact'],
  ['北京南站', '北京南', 'exact'],
  ['beijingnan', '北京南', 'exact'],
  ['Beijing South', '北京南', 'exact'],
  ['beijing s', '北京南', 'english'],
  ['上海虹', '上海虹桥', 'name_prefix'],
  ['chongqing', '重庆西', 'pinyin_prefix'],
  ['bjn', '北京南', 'initials'],
  ['ＢＪＮ', '北京南', 'initials'],
  ['harb', '哈尔滨西', 'english'],
  ['虹桥', '上海虹桥', 'name_part'],
  ['上海红桥', '上海虹桥', 'sounds_alike'],
  ['北京nan', '北京南', 'sounds_alike'],
  ['shangahi', '上海虹桥', 'one_mistake'],
  ['guagnzhou', '广州南', 'one_mistake'],
  ['wuhn', '武汉', 'one_mistake'],
  ['武汉', '汉口', 'city'],
];

for (const [query, name_zh, match] of finds) {
  test(`"${query}" finds ${name_zh} (${match})`, (t) => {
    const found = suggestStations(index, query, MAX_SUGGESTIONS).find((s) => s.station.name_zh === name_zh);
    t.is(found?.match, match);
  });
}

test('better matches come first, and busy cities before quiet ones', (t) => {
  t.is(suggestStations(index, 'xian')[0]!.station.name_zh, '西安');
  t.is(suggestStations(index, 'bj')[0]!.station.city_zh, '北京');
  t.is(suggestStations(index, '北京')[0]!.station.name_zh, '北京');
});

test('the order does not depend on the order of the stations', (t) => {
  const turned = buildStationIndex({ stations: timetable.stations.toReversed(), trains: timetable.trains.toReversed() });
  for (const query of ['b', '南', 'zhou', 'jing', '州']) t.deepEqual(suggestStations(turned, query), suggestStations(index, query));
});

test('every station is found by its name, reading and initials', (t) => {
  for (const station of timetable.stations) {
    t.is(suggestStations(index, station.name_zh)[0]!.station.name_zh, station.name_zh);
    t.true(suggestStations(index, station.pinyin).some((s) => s.station === station), station.name_zh);
    t.is(resolvePlace(index, station.name_zh)?.station, station);
  }
});

test('a place typed in full is a station, a city or both; half a name is neither', (t) => {
  t.is(resolvePlace(index, '北京')?.station?.name_zh, '北京');
  t.true(resolvePlace(index, '北京')!.city!.stations.some((s) => s.name_zh === '北京南'));
  t.is(resolvePlace(index, '重庆')?.station, undefined);
  t.is(resolvePlace(index, 'Chongqing')?.city?.city_zh, '重庆');
  t.is(resolvePlace(index, 'beijin'), undefined);
  t.is(resolvePlace(index, ''), undefined);
});

test('nothing is suggested for nothing, for too much, or beyond the limit', (t) => {
  t.deepEqual(suggestStations(index, '  '), []);
  t.deepEqual(suggestStations(index, 'b'.repeat(500)), []);
  t.is(suggestStations(index, 'b', 3).length, 3);
  t.is(suggestStations(index, 'a', 10_000).length <= MAX_SUGGESTIONS, true);
  fc.assert(fc.property(fc.string(), (query) => suggestStations(index, query).length <= 10));
});

test('one mistake in a prefix: wrong, missing, extra or swapped letters, and not two', (t) => {
  for (const typed of ['xeijing', 'bejing', 'beiijing', 'ebijing', 'beijign', 'beij', '']) t.true(isPrefixWithOneMistake(typed, 'beijing'), typed);
  for (const typed of ['xxijing', 'bjing', 'ebjiing', 'shang']) t.false(isPrefixWithOneMistake(typed, 'beijing'), typed);
});

test('any one mistake in any reading is still found', (t) => {
  const mistake = fc.record({ at: fc.nat(30), kind: fc.constantFrom('drop', 'double', 'swap'), station: fc.constantFrom(...timetable.stations) });
  fc.assert(
    fc.property(mistake, ({ at, kind, station }) => {
      const word = station.pinyin;
      const i = at % (word.length - 1);
      const [a, b] = [word[i]!, word[i + 1]!];
      const typed = word.slice(0, i) + (kind === 'drop' ? b : kind === 'double' ? a + a + b : b + a) + word.slice(i + 2);
      t.true(isPrefixWithOneMistake(typed, word), `${typed} ${word}`);
    }),
  );
});
