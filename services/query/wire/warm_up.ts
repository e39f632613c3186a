import type { Clock } from '#kit/base/clock.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { SALE_SETTINGS } from '#kit/settings/sale.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { Popular } from '../app/popular.ts';
import { warmUp } from '../app/warm_up.ts';
import { ownQuestions } from '../rpc/own_questions.ts';

export type WarmUpsDeps = {
  config: { risk_address?: string | undefined; caller_key: readonly Uint8Array[]; query_warm_up_ms: number };
  /** Of this process. */
  address: string;
  popular: Popular;
  clock: Clock;
  log: Log;
  lifecycle: Lifecycle;
};

/** Looks for openings that operators have declared, and warms up before each. */
export function repeatWarmUps({ config, address, popular, clock, log, lifecycle }: WarmUpsDeps): void {
  const settings = lifecycle.add('settings', watchSettings({ address: config.risk_address, caller_key: config.caller_key[0], service: 'query', keys: { 'sale.openings': SALE_SETTINGS['sale.openings'] }, log }));
  const questions = lifecycle.add('own questions', ownQuestions(address, popular));
  const warmed = metricsFor('query').counter('query_warm_ups_total', 'Rounds of answers made before an opening');
  const run = async (): Promise<void> => {
    if (await warmUp({ openings: () => settings.get('sale.openings'), clock, ask: (date) => questions.ask(date) })) warmed.inc({});
  };
  lifecycle.add('warm up', repeat({ name: 'warm_up', service: 'query', every_ms: config.query_warm_up_ms, jitter: 0.2, log, run }));
}
