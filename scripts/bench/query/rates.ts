/** Searches a second of one process, beside a bare grpc-js server that answers in the same shape to the same client. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { say } from '../../say.ts';
import { keep } from '../../stack/child.ts';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import { cpuOf } from '../inventory/cpu.ts';
import { median, ratioOf, round } from '../inventory/measure.ts';
import { caller, closedLoop, type Caller } from './caller.ts';
import { answersOf } from './echo_server.ts';
import type { Sizes } from './options.ts';
import type { Searches } from './searches.ts';
import type { Replica, World } from './world.ts';

export const CALLERS = 64;
/** Answers that the bare server builds, in turn: as different in size as the questions make them. */
const SHAPES = 400;

type Rates = { per_s: number[]; cpu_us: number[]; bytes: number };

export async function measureRates(world: World, replica: Replica, searches: Searches, sizes: Sizes): Promise<Record<string, unknown>> {
  const popular = await compare(world, replica, 'popular', () => searches.popular(), sizes);
  const distinct = await compare(world, replica, 'distinct', () => searches.distinct(), sizes);
  return {
    search_ratio: ratioOf(popular.searched.per_s, popular.built.per_s), search_distinct_ratio: ratioOf(distinct.searched.per_s, distinct.built.per_s),
    search_ready_ratio: ratioOf(popular.searched.per_s, popular.ready.per_s), search_distinct_ready_ratio: ratioOf(distinct.searched.per_s, distinct.ready.per_s),
    searches_per_s: round(median(popular.searched.per_s)), distinct_per_s: round(median(distinct.searched.per_s)),
    echo_per_s: round(median(popular.built.per_s)), echo_distinct_per_s: round(median(distinct.built.per_s)),
    search_cpu_us: round(median(popular.searched.cpu_us)), distinct_cpu_us: round(median(distinct.searched.cpu_us)),
    echo_cpu_us: round(median(popular.built.cpu_us)), echo_distinct_cpu_us: round(median(distinct.built.cpu_us)), ready_cpu_us: round(median(popular.ready.cpu_us)),
    search_bytes: popular.searched.bytes, distinct_bytes: distinct.searched.bytes,
  };
}

async function compare(world: World, replica: Replica, name: 'popular' | 'distinct', question: () => Buffer, { rounds, round_ms, warm_ms, warm_answers }: Sizes) {
  const query = caller(replica.address);
  const shapes: Buffer[] = [];
  const warm = async (): Promise<Buffer> => {
    const answer = await query.ask(question());
    if (shapes.length < SHAPES) shapes.push(answer);
    return answer;
  };
  for (let answers = 0; answers < warm_answers; ) answers += (await closedLoop(CALLERS, warm_ms, warm)).answers;
  const echoes = { built: await startEcho(world, name, 'built', shapes), ready: await startEcho(world, name, 'ready', shapes) };
  const rates = { searched: none(), built: none(), ready: none() };
  try {
    for (let number = 1; number <= rounds; number += 1) {
      await measure(rates.built, echoes.built.caller, echoes.built.pid, question, round_ms);
      await measure(rates.searched, query, replica.pid, question, round_ms);
      await measure(rates.ready, echoes.ready.caller, echoes.ready.pid, question, round_ms);
      const text = Object.entries(rates).map(([subject, { per_s, cpu_us }]) => `${subject} ${round(per_s.at(-1)!)}/s (${round(cpu_us.at(-1)!)} µs)`).join(', ');
      say(`${name}, round ${number} of ${rounds}: ${text}`, `${name}，第 ${number}/${rounds} 轮：${text}`);
    }
  } finally {
    query.close();
    for (const echo of Object.values(echoes)) await echo.stop();
  }
  return rates;
}

function none(): Rates {
  return { per_s: [], cpu_us: [], bytes: 0 };
}

async function measure(rates: Rates, subject: Caller, pid: number, question: () => Buffer, for_ms: number): Promise<void> {
  const before = cpuOf({ it: pid }).it!;
  const { answers, bytes, took_s } = await closedLoop(CALLERS, for_ms, () => subject.ask(question()));
  rates.per_s.push(answers / took_s);
  rates.cpu_us.push(((cpuOf({ it: pid }).it! - before) * 1e6) / answers);
  rates.bytes = round(bytes / answers);
}

async function startEcho(world: World, name: string, kind: 'built' | 'ready', shapes: readonly Buffer[]): Promise<{ caller: Caller; pid: number; stop(): Promise<void> }> {
  const address = `${LOOPBACK}:${await freePort()}`;
  const file = join(world.stack.folder.path, `answers-${name}`);
  writeFileSync(file, answersOf(shapes));
  const words = [join(NODE_BIN, 'node'), join(ROOT, 'scripts', 'bench', 'query', 'echo_server.ts'), address.slice(address.indexOf(':') + 1), file, kind];
  const kept = await keep({ name: `echo-${kind}`, words, env: process.env, cwd: ROOT, ready: () => connects(address) }, world.stack.folder, say, new AbortController().signal);
  const one = caller(address);
  await closedLoop(CALLERS, WARM_ECHO_MS, () => one.ask(Buffer.alloc(0)));
  return {
    caller: one,
    pid: kept.pid()!,
    async stop() {
      one.close();
      await kept.stop();
    },
  };
}

const WARM_ECHO_MS = 1_500;
const CONNECT_WITHIN_MS = 30_000;

function connects(address: string): Promise<void> {
  const client = new Client(address, credentials.createInsecure());
  return new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_WITHIN_MS, (error) => (error === undefined ? resolve() : reject(error)));
  }).finally(() => client.close());
}
