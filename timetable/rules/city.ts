import { STATIONS_BY_PROVINCE } from '../data/gazetteer.ts';

export interface GazetteerStation {
  name_zh: string;
  city_zh: string;
  province: string;
  lat: number;
  lon: number;
  /** 1 hub, 2 city, 3 small place. */
  rank: 1 | 2 | 3;
}

/** Names that end like a direction but are not one, or whose city is not in the name. Source: our own gazetteer. */
const CITY_EXCEPTIONS: Readonly<Record<string, string>> = {
  南翔北: '上海',
  安亭北: '上海',
  金山北: '上海',
  庆盛: '广州',
  光明城: '深圳',
  坪山: '深圳',
  虎门北: '东莞',
  花桥: '昆山',
  阳澄湖: '苏州',
  仙林: '南京',
  宝华山: '句容',
  北碚南: '重庆',
  高碑店: '高碑店',
  漯河: '漯河',
  定西: '定西',
  海东: '海东',
  鸡东: '鸡东',
  启东: '启东',
  淮南: '淮南',
  渭南: '渭南',
  陇南: '陇南',
  陇西: '陇西',
};

/** Every station we know by name, in the order of the table. */
export const GAZETTEER: ReadonlyMap<string, GazetteerStation> = parseGazetteer();

/** Cities long enough to be found at the head of a station's name, e.g. 上海 in 上海虹桥. */
const CITIES: ReadonlySet<string> = new Set([...GAZETTEER.values()].filter((entry) => entry.rank < 3).map((entry) => entry.city_zh));
const MAX_CITY_LENGTH = 6;

/**
 * The city a station serves, from its name: the gazetteer if it lists the station; else without 站; else the table of
 * exceptions; else the longest city of ours the name begins with (合肥北城 → 合肥); else without one closing
 * direction 东南西北 when at least two characters remain (衢江东 → 衢江). Never empty for a name that is not.
 * Source: naming rule 《铁路车站站名管理办法》: place name, then direction.
 */
export function cityOf(station_name_zh: string): string {
  const name = withoutSuffix(station_name_zh);
  const known = GAZETTEER.get(name)?.city_zh ?? CITY_EXCEPTIONS[name];
  if (known !== undefined) return known;
  for (let length = Math.min(MAX_CITY_LENGTH, name.length); length >= 2; length -= 1) {
    if (CITIES.has(name.slice(0, length))) return name.slice(0, length);
  }
  return withoutDirection(name);
}

/** The province, where the gazetteer knows the station or its city; else empty. */
export function provinceOf(station_name_zh: string): string {
  const name = withoutSuffix(station_name_zh);
  const known = GAZETTEER.get(name);
  if (known !== undefined) return known.province;
  const city = cityOf(name);
  for (const entry of GAZETTEER.values()) if (entry.city_zh === city) return entry.province;
  return '';
}

/** 北京南 → 北京 and 南; a name that is a place with that ending (渭南) stays whole. */
export function splitDirection(station_name_zh: string): { place: string; direction: string } {
  const name = withoutSuffix(station_name_zh);
  const place = withoutDirection(name);
  return { place, direction: name.slice(place.length) };
}

function withoutSuffix(name: string): string {
  const trimmed = name.trim();
  return trimmed.length > 2 && trimmed.endsWith('站') ? trimmed.slice(0, -1) : trimmed;
}

function withoutDirection(name: string): string {
  if (name.length < 3 || !/[东南西北]$/.test(name) || CITY_EXCEPTIONS[name] === name) return name;
  return name.slice(0, -1);
}

function parseGazetteer(): Map<string, GazetteerStation> {
  const stations = new Map<string, GazetteerStation>();
  for (const [province, text] of Object.entries(STATIONS_BY_PROVINCE)) {
    for (const item of text.split(',')) {
      const [name_zh, lat, lon, rank, city] = item.trim().split(/\s+/);
      stations.set(name_zh!, {
        name_zh: name_zh!,
        city_zh: city === undefined ? withoutDirection(name_zh!) : city.slice(1),
        province,
        lat: Number(lat),
        lon: Number(lon),
        rank: Number(rank) as 1 | 2 | 3,
      });
    }
  }
  return stations;
}
