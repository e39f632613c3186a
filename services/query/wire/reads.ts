import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Around, Prepared } from '#kit/rpc/prepared.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { openRedis } from '#kit/store/redis.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { AnswerCache, type Sources } from '../app/answer_cache.ts';
import type { Heard } from '../app/heard.ts';
import { Popular } from '../app/popular.ts';
import type { SharedAnswers } from '../app/shared_answers.ts';
import type { Timetables } from '../app/timetables.ts';
import type { PageChange } from '../app/watched_page.ts';
import { WatchedPages } from '../app/watched_pages.ts';
import type { RemainingTable } from '../domain/remaining.ts';
import type { Answer } from '../rpc/answer_bytes.ts';
import { keptAnswers } from '../rpc/kept_answers.ts';
import { sharedAnswersIn } from '../store/shared_answers.ts';

export type ReadsDeps = {
  config: { redis_url: readonly string[]; query_timetable_patience_ms: number };
  timetables: Timetables;
  remaining: RemainingTable;
  heard: { inventory: Heard; timetables: Heard };
  clock: Clock;
  random: Random;
  log: Log;
  lifecycle: Lifecycle;
};

export type Reads = { around: Around; popular: Popular; pages: (encode: (change: PageChange) => Prepared) => WatchedPages<Prepared> };

/** A lookup that takes longer than this is worth less than our own answer. */
const REDIS_MS = 100;

/** The tiers in front of memory: what this process keeps, what replicas share, and the pages that are watched. */
export async function openReads({ config, timetables, remaining, heard, clock, random, log, lifecycle }: ReadsDeps): Promise<Reads> {
  const metrics = metricsFor('query');
  let changes = 0;
  lifecycle.onStop('changes', remaining.onChange(() => (changes += 1)));
  const sources: Sources = { timetable: () => timetables.catalog(), changes: () => changes, freshness: () => remaining.freshness, stateOf: (run_id) => remaining.get(run_id) };
  const shared = await openShared(config.redis_url, { clock, random, log, lifecycle });
  const popular = new Popular();
  const around = keptAnswers({
    cache: new AnswerCache<Answer>(sources, clock, random), shared, clock, ...heard,
    timetable_version: () => timetables.catalog()?.timetable.version ?? '', timetable_patience_ms: config.query_timetable_patience_ms,
    onSearch: (request) => popular.note(request),
  });
  const page_loads = metrics.counter('query_watched_page_loads_total', 'How often watched pages were made');
  const pages: Reads['pages'] = (encode) => {
    const made = new WatchedPages<Prepared>({ sources, onChange: (tell) => remaining.onChange(tell), clock, encode, onLoad: () => page_loads.inc({}) });
    lifecycle.onStop('watched pages', () => made.stop());
    return made;
  };
  return { around, popular, pages };
}

async function openShared(url: readonly string[], { clock, random, log, lifecycle }: Pick<ReadsDeps, 'clock' | 'random' | 'log' | 'lifecycle'>): Promise<SharedAnswers> {
  if (url.length === 0) return { find: async () => undefined, share: () => undefined };
  const redis = await openRedis({ url, log, service: 'query', command_timeout_ms: REDIS_MS, required: false });
  lifecycle.onStop('redis', () => redis.close());
  return sharedAnswersIn(redis.client, clock, random);
}
