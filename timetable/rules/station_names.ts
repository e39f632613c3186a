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

/** Cities known abroad by another name than their reading. Source: English names in use on tickets and maps. */
const ENGLISH_PLACES: Readonly<Record<string, string>> = {
  哈尔滨: 'Harbin',
  齐齐哈尔: 'Qiqihar',
  呼和浩特: 'Hohhot',
  乌兰察布: 'Ulanqab',
  乌鲁木齐: 'Urumqi',
  吐鲁番: 'Turpan',
  库尔勒: 'Korla',
  喀什: 'Kashgar',
  和田: 'Hotan',
  阿克苏: 'Aksu',
  哈密: 'Hami',
  拉萨: 'Lhasa',
  日喀则: 'Shigatse',
  那曲: 'Nagqu',
  林芝: 'Nyingchi',
  格尔木: 'Golmud',
  海拉尔: 'Hailar',
  满洲里: 'Manzhouli',
  呼伦贝尔: 'Hulunbuir',
  锡林浩特: 'Xilinhot',
  西安: "Xi'an",
  延安: "Yan'an",
  六安: "Lu'an",
  淮安: "Huai'an",
  吉安: "Ji'an",
};

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
    city_en: ENGLISH_PLACES[city_zh] ?? capitalised(readingOf(city_zh).pinyin),
    province: provinceOf(name_zh),
  };
}

function englishName(name_zh: string, pinyin: string, syllables: string[]): string {
  const { place, direction } = splitDirection(name_zh);
  const direction_en = DIRECTIONS_EN[direction];
  if (direction_en === undefined) return ENGLISH_PLACES[place] ?? capitalised(pinyin);
  // Where the feed's reading has no known syllables the direction cannot be cut off.
  const place_en = syllables.join('') === pinyin ? capitalised(syllables.slice(0, -1).join('')) : undefined;
  const english = ENGLISH_PLACES[place] ?? place_en;
  return english === undefined ? capitalised(pinyin) : `${english} ${direction_en}`;
}
