/** What an answer costs from each tier inside of one replica: kept, and made from memory for the very same question. */
import { seededRandom, integerBetween } from '#kit/base/random.ts';
import { say } from '../../say.ts';
import { cpuOf } from '../inventory/cpu.ts';
import { median, round } from '../inventory/measure.ts';
import { caller, closedLoop } from './caller.ts';
import type { Sizes } from './options.ts';
import { CALLERS } from './rates.ts';
import type { Searches } from './searches.ts';
import type { Replica } from './world.ts';

const QUESTIONS = 50;
const SEED = 20260126;
/** Field 1000, a varint: an unknown one, which readers skip. */
const UNKNOWN_TAG = 1000 << 3;

type Rates = { per_s: number[]; cpu_us: number[] };

export async function measureTiers(replica: Replica, searches: Searches, { rounds, round_ms, warm_ms }: Sizes): Promise<Record<string, unknown>> {
  const query = caller(replica.address);
  const questions = Array.from({ length: QUESTIONS }, () => searches.popular());
  const random = seededRandom(SEED);
  let number_of_question = 0;
  const any = (): Buffer => questions[integerBetween(random, 0, QUESTIONS - 1)]!;
  const ways = { kept: any, made: () => neverAsked(any(), (number_of_question += 1)) };
  const rates: Record<keyof typeof ways, Rates> = { kept: { per_s: [], cpu_us: [] }, made: { per_s: [], cpu_us: [] } };
  try {
    await closedLoop(CALLERS, warm_ms, () => query.ask(any()));
    for (let number = 1; number <= rounds; number += 1) {
      for (const [name, question] of Object.entries(ways) as [keyof typeof ways, () => Buffer][]) {
        const before = cpuOf({ it: replica.pid }).it!;
        const { answers, took_s } = await closedLoop(CALLERS, round_ms, () => query.ask(question()));
        rates[name].per_s.push(answers / took_s);
        rates[name].cpu_us.push(((cpuOf({ it: replica.pid }).it! - before) * 1e6) / answers);
      }
      const text = Object.entries(rates).map(([name, { per_s, cpu_us }]) => `${name} ${round(per_s.at(-1)!)}/s (${round(cpu_us.at(-1)!)} µs)`).join(', ');
      say(`tiers, round ${number} of ${rounds}: ${text}`, `缓存层，第 ${number}/${rounds} 轮：${text}`);
    }
  } finally {
    query.close();
  }
  const { kept, made } = rates;
  return { kept_ratio: round(median(kept.per_s.map((one, index) => one / made.per_s[index]!)), 2), kept_per_s: round(median(kept.per_s)), made_per_s: round(median(made.per_s)), kept_cpu_us: round(median(kept.cpu_us)), made_cpu_us: round(median(made.cpu_us)) };
}

/** The same question in other bytes. */
function neverAsked(question: Buffer, unique: number): Buffer {
  return Buffer.concat([question, varint(UNKNOWN_TAG), varint(unique)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
