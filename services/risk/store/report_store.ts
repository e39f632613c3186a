import type { RedisStore } from '#kit/store/redis.ts';
import type { ReportStore } from '../app/ports.ts';
import type { Report } from '../domain/signals.ts';
import { redisOrAway } from './outage.ts';

/** Three reports may get lost before a process counts as silent. */
const FRESH_MS = 15_000;
const KEPT_MS = 60_000;
const KEY = 'risk:load';

/** One field a process. Redis may forget all of it: the next reports are seconds away. */
export function openReportStore({ client }: RedisStore): ReportStore {
  return {
    async put(report) {
      const at_ms = await timeOf(client);
      await redisOrAway(client.hset(KEY, `${report.service}/${report.process}`, JSON.stringify({ at_ms, report })));
      await redisOrAway(client.pexpire(KEY, KEPT_MS));
    },
    async recent() {
      const [now_ms, fields] = await Promise.all([timeOf(client), redisOrAway(client.hgetall(KEY))]);
      const kept = Object.entries(fields).map(([field, text]) => ({ field, ...(JSON.parse(text) as { at_ms: number; report: Report }) }));
      const gone = kept.filter(({ at_ms }) => now_ms - at_ms > KEPT_MS).map(({ field }) => field);
      if (gone.length > 0) await redisOrAway(client.hdel(KEY, ...gone));
      return kept.filter(({ at_ms }) => now_ms - at_ms <= FRESH_MS).map(({ report }) => report);
    },
  };
}

/** The server's clock, so that processes whose clocks differ agree on what is old. */
async function timeOf(client: RedisStore['client']): Promise<number> {
  const [seconds, microseconds] = await redisOrAway(client.time() as unknown as Promise<[string, string]>);
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
