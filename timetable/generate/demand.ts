import type { TrainType } from '../model.ts';
import { GAZETTEER, type GazetteerStation } from '../rules/city.ts';
import { buildNetwork, pathsFrom, type Path } from './network.ts';
import type { Random } from './random.ts';

/** Trains a day, each way, between two stations. */
export interface Flow {
  train_type: TrainType;
  sleeper: boolean;
  path: Path;
  trains_a_day: number;
}

/** Cities that draw more trains than their rank says. */
const WEIGHTS: Readonly<Record<string, number>> = {
  北京: 10, 上海: 10, 广州: 8, 深圳: 8, 武汉: 7, 成都: 7, 杭州: 7, 南京: 7, 郑州: 7, 长沙: 7, 西安: 6.5, 重庆: 6.5,
  合肥: 5, 济南: 5, 沈阳: 5, 天津: 5, 哈尔滨: 4.5, 南昌: 4.5, 福州: 4.5, 昆明: 4.5, 贵阳: 4.5, 石家庄: 4.5,
};
const WEIGHT_OF_RANK: Record<1 | 2 | 3, number> = { 1: 4, 2: 1.5, 3: 0 };

/** Frequencies were tuned by hand until the day looked like a national timetable of about two thousand trains. */
const MODERN = { factor: 0.04, half_km: 420, power: 1.5, max_km: 2_300, max_a_day: 40 };
const CITY = { factor: 0.4, half_km: 90, power: 1.5, max_km: 170, max_a_day: 20 };
const NIGHT = { min_km: 1_350, max_km: 2_900, min_weight_product: 34 };
const CLASSIC = { factor: 0.01, half_km: 1_500, power: 1, min_km: 180, max_km: 5_200, max_a_day: 6 };
const HIGH_SPEED_SHARE_OF_G = 0.55;

/** Who travels where: a gravity model over pairs of cities, each served between its two best stations. */
export function dailyFlows(random: Random, scale: number): Flow[] {
  return [...modernFlows(random.fork('modern'), scale), ...classicFlows(random.fork('classic'), scale)];
}

function modernFlows(random: Random, scale: number): Flow[] {
  const flows: Flow[] = [];
  for (const { path, weight_product } of cityPairs(buildNetwork(['high_speed', 'fast']))) {
    const km = path.distance_m / 1000;
    const high_speed_m = path.edges.reduce((sum, edge) => sum + (edge.kind === 'high_speed' ? edge.distance_m : 0), 0);
    const is_g = high_speed_m >= HIGH_SPEED_SHARE_OF_G * path.distance_m;
    if (km <= CITY.max_km && high_speed_m === 0) {
      push(flows, { train_type: 'C', sleeper: false, path }, gravity(CITY, weight_product, km) * scale, CITY.max_a_day, random);
      continue;
    }
    if (km <= MODERN.max_km && km >= 60) {
      const trains = gravity(MODERN, weight_product, km) * scale;
      push(flows, { train_type: is_g ? 'G' : 'D', sleeper: false, path }, trains, MODERN.max_a_day, random);
    }
    if (km >= NIGHT.min_km && km <= NIGHT.max_km && weight_product >= NIGHT.min_weight_product) {
      push(flows, { train_type: 'D', sleeper: true, path }, 0.55 * scale, 2, random);
    }
  }
  return flows;
}

function classicFlows(random: Random, scale: number): Flow[] {
  const flows: Flow[] = [];
  for (const { path, weight_product } of cityPairs(buildNetwork(['classic']))) {
    const km = path.distance_m / 1000;
    if (km < CLASSIC.min_km || km > CLASSIC.max_km) continue;
    const trains = gravity(CLASSIC, weight_product, km) * scale;
    const train_type = classicType(weight_product, km, random);
    push(flows, { train_type, sleeper: false, path }, trains, CLASSIC.max_a_day, random);
  }
  return flows;
}

function classicType(weight_product: number, km: number, random: Random): TrainType {
  if (weight_product >= 28 && km >= 900 && random.chance(0.6)) return 'Z';
  if (weight_product >= 12 && km >= 400 && random.chance(0.3)) return 'T';
  return 'K';
}

/** Fractions become a train with that probability, so that small flows exist but not all of them. */
function push(flows: Flow[], flow: Omit<Flow, 'trains_a_day'>, expected: number, max_a_day: number, random: Random): void {
  const whole = Math.floor(expected);
  const trains_a_day = Math.min(max_a_day, whole + (random.chance(expected - whole) ? 1 : 0));
  if (trains_a_day > 0) flows.push({ ...flow, trains_a_day });
}

function gravity(model: { factor: number; half_km: number; power: number }, weight_product: number, km: number): number {
  return (model.factor * weight_product) / (1 + (km / model.half_km) ** model.power);
}

/** Each unordered pair of cities once, between the two stations that are quickest to travel between. */
function cityPairs(network: ReturnType<typeof buildNetwork>): { path: Path; weight_product: number }[] {
  const termini = [...GAZETTEER.values()].filter((entry) => entry.rank < 3 && network.has(entry.name_zh));
  const best = new Map<string, { path: Path; weight_product: number }>();
  for (const from of termini) {
    const paths = pathsFrom(network, from.name_zh);
    for (const to of termini) {
      const path = paths.get(to.name_zh);
      if (path === undefined || from.city_zh >= to.city_zh) continue;
      const key = `${from.city_zh} ${to.city_zh}`;
      if (path.cost_s >= (best.get(key)?.path.cost_s ?? Infinity)) continue;
      best.set(key, { path, weight_product: weightOf(from) * weightOf(to) });
    }
  }
  return [...best.values()];
}

function weightOf(station: GazetteerStation): number {
  return WEIGHTS[station.city_zh] ?? WEIGHT_OF_RANK[station.rank];
}
