/**
 * Runs in a pod outside of the mesh: asks the edge for stations so many times a second, whatever came of those before, until its
 * standard input ends. Each question is somebody else's and is asked once. Writes how many there were and what failed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openApi } from '../../../scripts/traveller/api.ts';

export type Read = { asked: number; errors: string[]; p50_ms: number; p95_ms: number };

const [page = '', rate = '10'] = process.argv.slice(-2);
const TEXTS = ['北京', '上海', 'guangzhou', '武汉', 'changsha', '南京', '郑州', 'tianjin'];
let ended = false;
process.stdin.resume().once('end', () => (ended = true));

const errors: string[] = [];
const took_ms: number[] = [];
const under_way = new Set<Promise<void>>();
let asked = 0;
const pause_ms = 1000 / Number(rate);
for (let due_ms = performance.now(); !ended; due_ms += pause_ms) {
  await sleep(Math.max(0, due_ms - performance.now()));
  const text = TEXTS[asked % TEXTS.length]!;
  asked += 1;
  const from_ms = performance.now();
  const question: Promise<void> = openApi(page)
    .query.suggestStations({ text, limit: 5 })
    .then(() => void took_ms.push(performance.now() - from_ms), (error: unknown) => void errors.push(`${new Date().toISOString()} ${String(error)}`))
    .finally(() => void under_way.delete(question));
  under_way.add(question);
}
await Promise.all(under_way);
const sorted = took_ms.toSorted((a, b) => a - b);
const read: Read = { asked, errors, p50_ms: sorted[Math.floor(sorted.length * 0.5)] ?? 0, p95_ms: sorted[Math.floor(sorted.length * 0.95)] ?? 0 };
process.stdout.write(JSON.stringify(read), () => process.exit(0));
