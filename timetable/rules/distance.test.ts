import test from 'ava';
import { DETOUR_FACTOR, greatCircleM, MIN_SEGMENT_M, segmentDistanceM } from './distance.ts';

const BEIJING = { lat: 39.865, lon: 116.379 };
const SHANGHAI = { lat: 31.196, lon: 121.316 };

test('great circle: a degree of the equator or of a meridian is 111.195 km, and a city is at no distance from itself', (t) => {
  t.is(Math.round(greatCircleM({ lat: 0, lon: 10 }, { lat: 0, lon: 11 })), 111_195);
  t.is(Math.round(greatCircleM({ lat: 30, lon: 110 }, { lat: 31, lon: 110 })), 111_195);
  t.is(greatCircleM(BEIJING, BEIJING), 0);
});

test('a segment is longer than the great circle, shorter than the train can run, and never nothing', (t) => {
  t.is(segmentDistanceM(BEIJING, SHANGHAI, 10 * 3600), Math.round(greatCircleM(BEIJING, SHANGHAI) * DETOUR_FACTOR));
  t.is(segmentDistanceM(BEIJING, SHANGHAI, 3600), 350_000);
  t.is(segmentDistanceM(BEIJING, BEIJING, 3600), MIN_SEGMENT_M);
});
