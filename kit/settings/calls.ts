import { z } from 'zod';
import type { Log } from '#kit/telemetry/log.ts';
import { watchSettings } from './watch.ts';

const timeout = (least_ms: number, most_ms: number) => z.number().int().min(least_ms).max(most_ms);
const attempts = z.number().int().min(1).max(3);

/**
 * How long calls may take and how often they are tried, by class of interface (requirements: 各类超时与重试策略在配置中心统一管理).
 * The gateway and the railway are not tried again within a call: their rows are driven on by sweepers, which ask before they
 * repeat. `calls.reads` and `calls.writes` bound what services ask one another: a call's own shorter time stays.
 */
export const CALL_SETTINGS = {
  'calls.gateway': { shape: z.strictObject({ timeout_ms: timeout(200, 5000) }), value: { timeout_ms: 3000 } },
  'calls.railway': { shape: z.strictObject({ timeout_ms: timeout(200, 5000) }), value: { timeout_ms: 3000 } },
  'calls.realname': { shape: z.strictObject({ timeout_ms: timeout(200, 5000), attempts }), value: { timeout_ms: 3000, attempts: 3 } },
  'calls.messaging': { shape: z.strictObject({ timeout_ms: timeout(200, 5000), attempts }), value: { timeout_ms: 2000, attempts: 2 } },
  'calls.reads': { shape: z.strictObject({ timeout_ms: timeout(100, 10_000), attempts }), value: { timeout_ms: 3000, attempts: 2 } },
  'calls.writes': { shape: z.strictObject({ timeout_ms: timeout(500, 30_000) }), value: { timeout_ms: 10_000 } },
};

export type CallSource = { address: string | undefined; caller_key: Uint8Array | undefined; service: string; log: Log };

type Values = { [K in keyof typeof CALL_SETTINGS]: z.output<(typeof CALL_SETTINGS)[K]['shape']> };

export type CallSettings<K extends keyof Values> = { get: () => Values[K]; stop: () => Promise<void> };

type Keyed<K extends keyof Values> = { [P in K]: { shape: z.ZodType<Values[K]>; value: Values[K]; fixed: Values[K] | undefined } };

/** Follows one class. What the environment says explicitly (`fixed`) wins for as long as the process lives. */
export function watchCalls<K extends keyof Values>(key: K, source: CallSource, fixed?: Values[K]): CallSettings<K> {
  const keys = { [key]: { ...CALL_SETTINGS[key], fixed } } as unknown as Keyed<K>;
  const settings = watchSettings<Record<string, unknown>>({ ...source, keys });
  return { get: () => settings.get(key) as Values[K], stop: () => settings.stop() };
}

/** What bounds calls to other services: both classes of one watch. */
export function watchPeerCalls(source: CallSource) {
  const settings = watchSettings<Pick<Values, 'calls.reads' | 'calls.writes'>>({ ...source, keys: { 'calls.reads': CALL_SETTINGS['calls.reads'], 'calls.writes': CALL_SETTINGS['calls.writes'] } });
  return { get: () => ({ reads: settings.get('calls.reads'), writes: settings.get('calls.writes') }), stop: () => settings.stop() };
}
