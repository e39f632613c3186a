import test from 'ava';
import * as fc from 'fast-check';
import { generateTimetable } from '../generate/generate.ts';
import { buildStationIndex, MAX_SUGGESTIONS, placesNamed, suggestStations, type Match } from './stations.ts';
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
  ['wuhn', '汉口', 'one_mistake'],
  ['上海红乔', '上海虹桥', 'sounds_alike'],
  ['乌鲁术齐', '乌鲁木齐', 'one_mistake'],
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
    const places = placesNamed(index, station.name_zh);
    t.true(places.some((place) => ('city' in place ? place.city.stations.includes(station) : place.station === station)), station.name_zh);
  }
});

test('a name in full is a city before its station, and everything that is called so', (t) => {
  const named = (text: string) => placesNamed(index, text).map((place) => ('city' in place ? `city ${place.city.city_zh}` : place.station.name_zh));
  t.deepEqual(named('北京'), ['city 北京']);
  t.deepEqual(named('北京南站'), ['北京南']);
  t.deepEqual(named('Chongqing'), ['city 重庆']);
  t.deepEqual(named('fuzhou').toSorted(), ['city 抚州', 'city 福州']);
  t.deepEqual(named('bjn'), ['北京南', '宝鸡南']);
  t.true(named('bj').includes('city 北京') && !named('bj').includes('北京'), 'a station that shares its city’s name is not beside it');
  t.true(named('sz').includes('city 深圳') && named('sz').includes('city 苏州'), 'initials are nobody’s own');
  t.deepEqual(named('beijin'), []);
  t.deepEqual(named(''), []);
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
