/** Searches through Envoy with all of its filters, as browsers send them: Connect over HTTP/1.1. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { integerBetween, seededRandom } from '#kit/base/random.ts';
import { say } from '../../say.ts';
import { LOOPBACK } from '../../stack/ports.ts';
import { median, quantile, round } from '../inventory/measure.ts';
import { openWire, requestBytes, type Wire } from '../orders/wire.ts';
import { SEARCH_PATH } from './caller.ts';
import type { Sizes } from './options.ts';
import type { Searches } from './searches.ts';
import type { World } from './world.ts';

const CONNECTIONS = 64;
/** Half of the questions are popular ones, half come once. */
const POPULAR_SHARE = 0.5;
const SEED = 20260125;
const SHARE_OF_CAPACITY = 0.5;

export async function measureEdge({ stack }: World, searches: Searches, sizes: Sizes, cached: boolean): Promise<Record<string, unknown>> {
  const { host, port } = new URL(stack.page);
  const wire = openWire(LOOPBACK, Number(port), CONNECTIONS * 4);
  const random = seededRandom(SEED);
  const post = (): Buffer => posted(host, random.unit() < POPULAR_SHARE ? searches.popular() : searches.distinct());
  try {
    await capacity(wire, sizes.warm_ms, post);
    const per_s = await capacity(wire, sizes.round_ms * 2, post);
    say(`edge: ${round(per_s)} searches/s at most`, `网关：最多每秒 ${round(per_s)} 次查询`);
    const outcome = await openLoop(wire, per_s * SHARE_OF_CAPACITY, sizes.open_loop_ms, post);
    const measured = {
      edge_p95_ms: round(quantile(outcome.latencies_ms, 0.95), 2), edge_p50_ms: round(quantile(outcome.latencies_ms, 0.5), 2), edge_p99_ms: round(quantile(outcome.latencies_ms, 0.99), 2),
      edge_capacity_per_s: round(per_s), edge_offered_per_s: round(per_s * SHARE_OF_CAPACITY), edge_failed: outcome.failed,
    };
    return cached ? { ...measured, ...(await measureCached(wire, host, searches, sizes)) } : measured;
  } finally {
    wire.close();
  }
}

/** So few that each comes many times in the second for which the edge keeps it, as on the morning of an opening. */
const CROWDED_QUESTIONS = 20;

/** The same popular questions as GET, which the edge may keep, and as POST, which it never does. */
async function measureCached(wire: Wire, host: string, searches: Searches, { rounds, round_ms }: Sizes): Promise<Record<string, unknown>> {
  const [kept, asked]: [number[], number[]] = [[], []];
  const questions = Array.from({ length: CROWDED_QUESTIONS }, () => searches.popular());
  const random = seededRandom(SEED);
  const question = (): Buffer => questions[integerBetween(random, 0, CROWDED_QUESTIONS - 1)]!;
  for (let number = 0; number < rounds; number += 1) {
    kept.push(await capacity(wire, round_ms, () => got(host, question())));
    asked.push(await capacity(wire, round_ms, () => posted(host, question())));
  }
  return { cached_ratio: round(median(kept.map((one, index) => one / asked[index]!)), 2), cached_per_s: round(median(kept)), uncached_per_s: round(median(asked)) };
}

async function capacity(wire: Wire, for_ms: number, request: () => Buffer): Promise<number> {
  let answers = 0;
  const from_ms = performance.now();
  const one = async (): Promise<void> => {
    while (performance.now() - from_ms < for_ms) {
      const { status } = await wire.send(request());
      if (status !== 200) throw new Error(`the edge answered ${status}`);
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  return answers / ((performance.now() - from_ms) / 1000);
}

/** Requests at random moments whatever the answers do. A latency counts from when the request was due. */
async function openLoop(wire: Wire, per_s: number, for_ms: number, request: () => Buffer): Promise<{ latencies_ms: number[]; failed: number }> {
  const random = seededRandom(SEED);
  const latencies_ms: number[] = [];
  let failed = 0;
  const under_way: Promise<void>[] = [];
  const from_ms = performance.now();
  const fire = async (due_ms: number): Promise<void> => {
    const { status } = await wire.send(request());
    if (status === 200) latencies_ms.push(performance.now() - due_ms);
    else failed += 1;
  };
  for (let due_ms = from_ms; due_ms < from_ms + for_ms; due_ms += (-Math.log(1 - random.unit()) * 1000) / per_s) {
    while (performance.now() < due_ms) await sleep(1);
    under_way.push(fire(due_ms));
  }
  await Promise.all(under_way);
  return { latencies_ms, failed };
}

/** Each from another address and device: nobody asks thousands of questions a second. */
function headers(): string {
  const octet = (): number => 1 + Math.floor(Math.random() * 254);
  return `x-forwarded-for: 10.${octet()}.${octet()}.${octet()}\r\nx-device-id: ${randomUUID()}\r\n`;
}

function posted(host: string, question: Buffer): Buffer {
  return requestBytes(SEARCH_PATH, host, `content-type: application/proto\r\nconnect-protocol-version: 1\r\n${headers()}`, question);
}

/** Connect's form of a read that caches understand. */
function got(host: string, question: Buffer): Buffer {
  return Buffer.from(`GET ${SEARCH_PATH}?connect=v1&encoding=proto&base64=1&message=${question.toString('base64url')} HTTP/1.1\r\nhost: ${host}\r\n${headers()}\r\n`);
}
