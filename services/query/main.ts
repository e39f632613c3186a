import { z } from 'zod';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { hexKeys, hostPorts, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { followRemaining, forgetEndedRuns } from './app/follow_remaining.ts';
import { Timetables } from './app/timetables.ts';
import { RemainingTable } from './domain/remaining.ts';
import { remainingFrom } from './rpc/inventory.ts';
import { queryService } from './rpc/query.ts';
import { railwayOver } from './rpc/railway.ts';
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
});

export type QueryConfig = z.output<typeof configSchema>;

/** A whole feed is downloaded in one answer; single questions to the railway have a second (requirements). */
const FEED_TIMEOUT_MS = 10_000;
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
    const railway = railwayOver(createExternalClient({ name: 'railway', url: config.railway_url, keys: signing, timeout_ms: FEED_TIMEOUT_MS, attempts: 3, service, clock }));
    const timetables = new Timetables(openTimetableStore(db, keys, clock), railway, log);
    await timetables.follow();
    lifecycle.add('timetable', repeat({ name: 'follow_timetable', service, every_ms: config.query_follow_ms, jitter: 0.2, log, run: () => timetables.follow() }));

    const remaining = new RemainingTable();
    const inventory = createClient(InventoryService, { address: config.inventory_address, service, caller_key: config.caller_key[0]! });
    lifecycle.onStop('inventory', () => inventory.close());
    const source = remainingFrom(inventory);
    const runs_known = metricsFor(service).gauge('query_runs_known', 'Runs whose remaining is in memory');
    const ending = new AbortController();
    const warm = Promise.withResolvers<void>();
    lifecycle.add('remaining', repeat({
      name: 'follow_remaining', service, every_ms: REOPEN_MS, jitter: 0.5, log, signal: ending.signal, run_timeout_ms: STREAM_LIFE_MS,
      run: (signal) => followRemaining(source, remaining, () => warm.resolve(), signal),
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

    const server = await startServer({
      service, host: config.listen_host, port: config.query_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [queryService({ timetables, remaining, clock })],
    });
    lifecycle.add('server', server);
    // Ready once the numbers are known; if inventory stays away, what can be answered is answered, as stale.
    server.health.set(false);
    const patience = setTimeout(() => warm.resolve(), WARM_WITHIN_MS);
    lifecycle.onStop('warm-up', () => clearTimeout(patience));
    void warm.promise.then(() => server.health.set(true));
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
