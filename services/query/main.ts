import { z } from 'zod';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { hexKeys, hostPort, hostPorts, list, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { followRemaining, forgetEndedRuns } from './app/follow_remaining.ts';
import { Heard } from './app/heard.ts';
import { receiveChanges } from './app/receive_changes.ts';
import { bucketResyncs } from './app/resync_buckets.ts';
import { Timetables } from './app/timetables.ts';
import { RemainingTable } from './domain/remaining.ts';
import { remainingFrom } from './rpc/inventory.ts';
import { queryService } from './rpc/query.ts';
import { openReads } from './wire/reads.ts';
import { repeatWarmUps } from './wire/warm_up.ts';
import { railwayOver } from './rpc/railway.ts';
import { openRunChangeStore } from './store/run_change_store.ts';
import { openTimetableStore } from './store/timetable_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  query_port: port.default(0),
  mysql_url_query: z.string(),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  signing_keys_dir: z.string(),
  inventory_address: hostPorts,
  railway_url: url,
  /** How soon a timetable that another replica activated is known here. */
  query_follow_ms: milliseconds.default(5000),
  /** What replicas share. It may be away: no answer needs it while inventory's stream is there. */
  redis_url: list.default([]),
  /** After so long without the store of timetables answers say that a newer one would not be known. */
  query_timetable_patience_ms: milliseconds.default(30_000),
  /** Who knows the declared openings of sales; without it no answers are made beforehand. */
  risk_address: hostPort.optional(),
  /** How often answers are made anew before an opening. */
  query_warm_up_ms: milliseconds.default(5000),
  /** A watcher that reads nothing for so long is dropped. */
  query_stall_ms: milliseconds.default(30_000),
  /** How often the railway is asked for changes of runs. */
  query_changes_ms: milliseconds.default(2000),
});

export type QueryConfig = z.output<typeof configSchema>;

/** Each call to the railway has a second, also those that fetch a part of the feed (requirements: 运行图同步 500–1000 ms). */
const RAILWAY_TIMEOUT_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;
const REOPEN_MS = 250;
const WARM_WITHIN_MS = 60_000;
/** The stream ends when it breaks, not by our clock: the longest a timer can wait. */
const STREAM_LIFE_MS = 2_147_483_647;

/** The only wiring of query. It answers from memory: no store and no peer is asked for a search. */
export function start(config: QueryConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'query';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_query, log, service });
    lifecycle.onStop('database', () => db.close());
    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const signing = await loadOurKeys(config.signing_keys_dir, 'railway');
    const railway = railwayOver(createExternalClient({ name: 'railway', url: config.railway_url, keys: signing, timeout_ms: RAILWAY_TIMEOUT_MS, attempts: 3, service, clock }));
    const changes = openRunChangeStore(db, keys, clock);
    const timetables = new Timetables({ store: openTimetableStore(db, keys, clock), changes, railway, clock, log });
    const heard = { inventory: new Heard(clock), timetables: new Heard(clock) };
    const followTimetable = async (): Promise<void> => {
      await timetables.follow();
      heard.timetables.now();
    };
    await followTimetable();
    lifecycle.add('timetable', repeat({ name: 'follow_timetable', service, every_ms: config.query_follow_ms, jitter: 0.2, log, run: followTimetable }));
    lifecycle.add('run changes', repeat({
      name: 'receive_changes', service, every_ms: config.query_changes_ms, jitter: 0.2, log,
      run: async () => {
        if (await receiveChanges({ railway, changes, catalog: () => timetables.catalog(), log })) await followTimetable();
      },
    }));

    const remaining = new RemainingTable();
    const inventory = createClient(InventoryService, { address: config.inventory_address, service, caller_key: config.caller_key[0]! });
    lifecycle.onStop('inventory', () => inventory.close());
    const source = remainingFrom(inventory);
    const resynced = metricsFor(service).counter('query_buckets_resynced_total', 'Buckets that differed from the digest of inventory');
    const resyncs = lifecycle.add('resyncs', bucketResyncs({ source, table: remaining, random: systemRandom, log, onResync: () => resynced.inc({}) }));
    const runs_known = metricsFor(service).gauge('query_runs_known', 'Runs whose remaining is in memory');
    const ending = new AbortController();
    const warm = Promise.withResolvers<void>();
    const onLive = (): void => {
      heard.inventory.now();
      warm.resolve();
    };
    lifecycle.add('remaining', repeat({
      name: 'follow_remaining', service, every_ms: REOPEN_MS, jitter: 0.5, log, signal: ending.signal, run_timeout_ms: STREAM_LIFE_MS,
      run: (signal) => followRemaining({ source, table: remaining, resyncs, onLive }, signal),
    }));
    lifecycle.onStop('remaining stream', () => ending.abort());
    lifecycle.add('forget', repeat({
      name: 'forget_ended_runs', service, every_ms: FORGET_EVERY_MS, log,
      run: async () => {
        const catalog = timetables.catalog();
        if (catalog !== undefined) forgetEndedRuns(catalog, remaining, clock.now_ms());
        runs_known.set({}, remaining.size());
      },
    }));

    const { popular, ...reads } = await openReads({ config, timetables, remaining, heard, clock, random: systemRandom, log, lifecycle });
    const server = await startServer({
      service, host: config.listen_host, port: config.query_port, log, limits: { max_stall_ms: config.query_stall_ms },
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [queryService({ timetables, remaining, clock, ...reads }), auditService({ db, keys })],
    });
    lifecycle.add('server', server);
    repeatWarmUps({ config, address: server.address, popular, clock, log, lifecycle });
    // Ready once the numbers are known; if inventory stays away, what can be answered is answered, as stale.
    server.health.set(false);
    const patience = setTimeout(() => warm.resolve(), WARM_WITHIN_MS);
    lifecycle.onStop('warm-up', () => clearTimeout(patience));
    void warm.promise.then(() => server.health.set(true));
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
