/** What services' code says of the calls they make, read from its text: enough to hold the table against it. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '../scripts/stack/services.ts';

const ROOT = new URL('..', import.meta.url).pathname;

export type Source = { path: string; text: string };

/** The files of a service, without its tests. */
export function sourcesOf(service: ServiceName): Source[] {
  const paths = globSync(`services/${service}/**/*.ts`, { cwd: ROOT }).filter((path) => !path.endsWith('.test.ts')).toSorted();
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** Contracts of which a service makes a client, by their short names. */
export function clientsOf(service: ServiceName): string[] {
  const text = sourcesOf(service).map((source) => source.text).join('\n');
  const made = [...text.matchAll(/\b(?:createClient|client|peer)\((\w+Service|Health),/g)].map(([, name]) => name!);
  // What kit makes for those who ask for it.
  if (/\b(watchSettings|watchCalls|watchPeerCalls)\b/.test(text)) made.push('ConfigService');
  if (/\breportLoad\(\{/.test(text)) made.push('RiskService');
  return [...new Set(made)].toSorted();
}

export type TimedCall = { where: string; method: string; deadline_ms: number };

/** Calls that name their own deadline on the same line. */
export function timedCallsOf(service: ServiceName): TimedCall[] {
  return sourcesOf(service).flatMap(({ path, text }) => {
    const constants = new Map([...text.matchAll(/^const (\w+_MS) = ([\d_]+);/gm)].map(([, name, value]) => [name!, numberOf(value!)]));
    return text.split('\n').flatMap((line, index) => {
      const deadline = DEADLINE.exec(line)?.[1];
      const method = /\b(?:client|query|order|inventory|payment|ticketing|notification)\.(\w+)\(/.exec(line)?.[1];
      if (deadline === undefined || method === undefined) return [];
      const deadline_ms = constants.get(deadline) ?? numberOf(deadline);
      return Number.isNaN(deadline_ms) ? [] : [{ where: `${path}:${index + 1}`, method, deadline_ms }];
    });
  });
}

/** `own(READ_MS)`, `onBehalf(actor, READ_MS)`, `on(run_id, WRITE_MS)`, `timeout_ms: 1000`. */
const DEADLINE = /(?:\bown\(|\bonBehalf\(\w+, |\bon\([^()]+, |\btimeout_ms: )(\w+)/;

function numberOf(text: string): number {
  return Number(text.replaceAll('_', ''));
}
