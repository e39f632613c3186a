import { pinyin } from 'pinyin-pro';

/**
 * Place names whose reading differs from the usual one of their characters, where the library cannot know.
 * Source: 《中国地名读音》 usage as announced in the stations.
 */
const READINGS: Readonly<Record<string, string>> = {
  什邡: 'shi fang',
  单县: 'shan xian',
  费县: 'fei xian',
  歙县: 'she xian',
  浚县: 'xun xian',
  行唐: 'xing tang',
  洪洞: 'hong tong',
  莘县: 'shen xian',
  筠连: 'jun lian',
  尉犁: 'yu li',
  曾都: 'zeng du',
  解州: 'hai zhou',
  大埔: 'da bu',
  泌阳: 'bi yang',
  莎车: 'sha che',
  东阿: 'dong e',
  阿城: 'a cheng',
  铅山: 'yan shan',
  枞阳: 'zong yang',
  涡阳: 'guo yang',
  六安: 'lu an',
  乐山: 'le shan',
  乐清: 'yue qing',
  乐东: 'le dong',
  重庆: 'chong qing',
  长春: 'chang chun',
  厦门: 'xia men',
  蚌埠: 'beng bu',
  台州: 'tai zhou',
  丽水: 'li shui',
  亳州: 'bo zhou',
  番禺: 'pan yu',
  会昌: 'hui chang',
  柏乡: 'bai xiang',
  大城: 'dai cheng',
  渑池: 'mian chi',
  鄠邑: 'hu yi',
  鲘门: 'hou men',
  石柱: 'shi zhu',
  长寿: 'chang shou',
  长沙: 'chang sha',
  朝阳: 'chao yang',
  都匀: 'du yun',
  都江堰: 'du jiang yan',
  朔州: 'shuo zhou',
  泊头: 'bo tou',
  华山: 'hua shan',
  华阴: 'hua yin',
  婺源: 'wu yuan',
  弋阳: 'yi yang',
  盱眙: 'xu yi',
  西藏: 'xi zang',
  平乐: 'ping le',
  儋州: 'dan zhou',
  阿克苏: 'a ke su',
  阿拉山口: 'a la shan kou',
  哈密: 'ha mi',
  海拉尔: 'hai la er',
  喀什: 'ka shi',
  喀左: 'ka zuo',
  宁强: 'ning qiang',
  砀山: 'dang shan',
  兖州: 'yan zhou',
  溆浦: 'xu pu',
  耒阳: 'lei yang',
  郴州: 'chen zhou',
  汨罗: 'mi luo',
  鄯善: 'shan shan',
  岷县: 'min xian',
  略阳: 'lve yang',
  广汉: 'guang han',
  八达岭: 'ba da ling',
};

const NAMES_LONGEST_FIRST = Object.keys(READINGS).toSorted((a, b) => b.length - a.length);
/** Place names are short; anything longer is not one, and the search over readings stays bounded. */
const MAX_NAME_LENGTH = 24;

export interface Reading {
  pinyin: string;
  pinyin_initials: string;
  syllables: string[];
}

/**
 * How a Chinese name is read: letters without tones, `ü` as `v`. Characters that are not Chinese are kept if they are
 * letters or digits. Source: pinyin-pro with the table above for place names.
 */
export function readingOf(name_zh: string): Reading {
  return fromSyllables(syllablesOf(name_zh));
}

/**
 * The same, but trusting the feed's `tts_stop_name` where it is plain letters: its syllables are found by trying the
 * readings of each character, so that initials stay right for names read in an unusual way.
 */
export function readingWithHint(name_zh: string, tts_stop_name: string): Reading {
  const hint = tts_stop_name.toLowerCase().replaceAll('ü', 'v').replaceAll(/[\s'’-]/g, '');
  const own = readingOf(name_zh);
  if (!/^[a-z0-9]+$/.test(hint) || hint === own.pinyin || name_zh.length > MAX_NAME_LENGTH) return own;
  const syllables = alignSyllables([...name_zh], hint);
  return syllables === undefined ? { ...own, pinyin: hint } : fromSyllables(syllables);
}

/** Capitalised for English use: `Lüeyang` is written without the dots, as on the tickets. */
export function capitalised(letters: string): string {
  return letters.charAt(0).toUpperCase() + letters.slice(1);
}

function fromSyllables(syllables: string[]): Reading {
  return { pinyin: syllables.join(''), pinyin_initials: syllables.map((part) => part.charAt(0)).join(''), syllables };
}

function syllablesOf(name_zh: string): string[] {
  const known = NAMES_LONGEST_FIRST.find((name) => name_zh.includes(name));
  if (known === undefined) return librarySyllables(name_zh);
  const at = name_zh.indexOf(known);
  return [
    ...syllablesOf(name_zh.slice(0, at)),
    ...READINGS[known]!.split(' '),
    ...syllablesOf(name_zh.slice(at + known.length)),
  ];
}

function librarySyllables(text: string): string[] {
  if (text === '') return [];
  return pinyin(text, { toneType: 'none', type: 'array', v: true }).map(plainLetters).filter((part) => part !== '');
}

function alignSyllables(characters: string[], hint: string): string[] | undefined {
  if (characters.length === 0) return hint === '' ? [] : undefined;
  const [first, ...rest] = characters;
  const readings = new Set(pinyin(first!, { toneType: 'none', type: 'array', multiple: true, v: true }).map(plainLetters));
  for (const reading of readings) {
    if (reading === '' || !hint.startsWith(reading)) continue;
    const tail = alignSyllables(rest, hint.slice(reading.length));
    if (tail !== undefined) return [reading, ...tail];
  }
  return undefined;
}

function plainLetters(syllable: string): string {
  return syllable.toLowerCase().replaceAll('ü', 'v').replaceAll(/[^a-z0-9]/g, '');
}
