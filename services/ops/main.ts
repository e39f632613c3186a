import { z } from 'zod';
import { searchAudit, writeAudit } from '#kit/audit/audit.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { openBus } from '#kit/bus/bus.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { startServer } from '#kit/rpc/server.ts';
import { count, hexKeys, hostPort, hostPorts, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { archiveRequestIds } from '#kit/store/archive.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { Jobs } from './app/jobs.ts';
import { auditSources } from './rpc/audit_sources.ts';
import { jobsOver } from './rpc/job_works.ts';
import { opsService } from './rpc/ops.ts';
import { orderSources } from './rpc/order_sources.ts';
import { connectPeers } from './rpc/peers.ts';
import { watchSaleTimes } from './rpc/sale_times.ts';
import { openJobStore } from './store/job_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  ops_port: port.default(0),
  mysql_url_ops: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  /** Copies of each stream: 3 where NATS is a cluster. */
  nats_replicas: count.default(1),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  query_address: hostPort,
  inventory_address: hostPorts,
  order_address: hostPort,
  payment_address: hostPort,
  ticketing_address: hostPort,
  notification_address: hostPort,
  identity_address: hostPort,
  risk_address: hostPort,
  aftersales_address: hostPort.optional(),
  /** How often it is looked for jobs that are due. */
  ops_look_ms: milliseconds.default(5000),
});

export type OpsConfig = z.output<typeof configSchema>;

/** The only wiring of ops: jobs, dead letters, the explanation of an order, and the search in the audit of all services. */
export function start(config: OpsConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'ops';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_ops, log, service });
    lifecycle.onStop('database', () => db.close());
    const bus = await openBus({ url: config.nats_url, token: config.nats_token, log, service });
    lifecycle.onStop('bus', () => bus.close());
    await keepStreams(bus, { replicas: config.nats_replicas, log });
    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const store = openJobStore(db, keys, clock, systemRandom);
    await store.failAbandoned();
    const peers = connectPeers(
      {
        query: config.query_address, inventory: config.inventory_address, order: config.order_address,
        payment: config.payment_address, ticketing: config.ticketing_address, notification: config.notification_address,
        identity: config.identity_address, risk: config.risk_address, aftersales: config.aftersales_address,
      },
      config.caller_key[0]!,
    );
    lifecycle.onStop('peers', () => peers.close());
    const sale = watchSaleTimes({ address: config.risk_address, caller_key: config.caller_key[0]!, log });
    lifecycle.onStop('settings', () => sale.stop());
    const own = { archiveRequestIds: (limit: number) => archiveRequestIds(db, limit), forgetRuns: (limit: number) => store.forgetRuns(limit) };
    const alerts = { bus, health: peers.health, store, jobs: () => jobs.list().map(({ job_id }) => ({ job_id, due_ms: jobs.due(job_id)?.due_ms })), protection: sale.protection, clock, log };
    const jobs: Jobs = lifecycle.add('jobs', new Jobs({ jobs: jobsOver(peers, own, alerts), store, clock, log, times: sale.times, look_ms: config.ops_look_ms }));
    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.ops_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [
        opsService({
          jobs, store, bus, sources: orderSources(peers),
          audits: auditSources(peers, (query, timeout_ms) => searchAudit(db, keys, query, { timeout_ms })),
          audit: (act, { account_id, device_id, ip, request_id }) =>
            db.transaction((tx) => writeAudit(tx, keys, { actor_account: account_id, actor_service: service, device_id, ip, request_id, result: 'ok', ...act, time: new Date(clock.now_ms()) })),
        }),
      ],
    }));
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
