import { cityOf, provinceOf, splitDirection } from './city.ts';
import { capitalised, readingOf, readingWithHint } from './pinyin.ts';

export interface StationNames {
  name_zh: string;
  name_en: string;
  pinyin: string;
  pinyin_initials: string;
  city_zh: string;
  city_en: string;
  province: string;
}

const DIRECTIONS_EN: Readonly<Record<string, string>> = { 东: 'East', 南: 'South', 西: 'West', 北: 'North' };

/**
 * Everything about a station that follows from its Chinese name. English: the place capitalised, then the direction as
 * a word (`Beijing South`), as the stations' own signs had it. `tts_stop_name` overrides the reading.
 */
export function stationNames(name_zh: string, tts_stop_name = ''): StationNames {
  const reading = readingWithHint(name_zh, tts_stop_name);
  const city_zh = cityOf(name_zh);
  return {
    name_zh,
    name_en: englishName(name_zh, reading.pinyin, reading.syllables),
    pinyin: reading.pinyin,
    pinyin_initials: reading.pinyin_initials,
    city_zh,
    city_en: capitalised(readingOf(city_zh).pinyin),
    province: provinceOf(name_zh),
  };
}

function englishName(name_zh: string, pinyin: string, syllables: string[]): string {
  const { place, direction } = splitDirection(name_zh);
  const direction_en = DIRECTIONS_EN[direction];
  if (direction_en === undefined || syllables.join('') !== pinyin) return capitalised(pinyin);
  if (`${place}${direction}` !== name_zh) return capitalised(pinyin);
  return `${capitalised(syllables.slice(0, -1).join(''))} ${direction_en}`;
}
