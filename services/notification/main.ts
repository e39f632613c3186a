// Notification: from events to messages, over several channels and providers. All wiring of the service.
import { z } from 'zod';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { openBus } from '#kit/bus/bus.ts';
import { startConsumer, type ConsumerOptions } from '#kit/bus/consumer.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { startServer } from '#kit/rpc/server.ts';
import { watchCalls } from '#kit/settings/calls.ts';
import { count, hexKeys, hostPort, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { company } from '#kit/run/company.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import type { Lifecycle, Stoppable } from '#kit/run/lifecycle.ts';
import { isOutage } from '#kit/store/errors.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import type { Database } from '#kit/store/mysql.ts';
import { startBatchSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog } from '#kit/telemetry/log.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { sendOut } from './app/compose.ts';
import { deliverDue } from './app/deliver.ts';
import { moveDeliveries } from './app/move.ts';
import { SYSTEM } from './app/ports.ts';
import type { Deps, Move, Moved } from './app/ports.ts';
import { sendFresh, type FreshJob } from './app/send.ts';
import { seedTemplates } from './app/templates.ts';
import { deadLettersOver, handleUndeliverable, UNDELIVERABLE_CONSUMER, UNDELIVERABLE_TYPES } from './events/dead_letters.ts';
import { ORDER_TYPES, PAYMENT_TYPES, prepareMessages, writeMessages } from './events/handle_events.ts';
import { deliveredEvents } from './events/notify_events.ts';
import { createContacts } from './rpc/contacts.ts';
import { createMessaging } from './rpc/messaging.ts';
import { deliveryMeters } from './rpc/meters.ts';
import { RECEIPTS_PATH, startReceipts } from './rpc/receipts.ts';
import { notificationService } from './rpc/service.ts';
import { CLAIM_MS } from './domain/delivery.ts';
import { migrations } from './store/migrations.ts';
import { createNotificationStore, unitOf, type StoreParts } from './store/notification_store.ts';
import { cacheTemplates } from './store/template_cache.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  notification_port: port.default(0),
  /** Where the providers' receipts arrive. */
  notification_http_port: port.default(0),
  /** The edge as providers reach it; without it they are asked instead. */
  public_url: url.optional(),
  mysql_url_notification: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  /** Copies of each stream: 3 where NATS is a cluster. */
  nats_replicas: count.default(1),
  caller_key: hexKeys(32),
  column_keys: z.string().transform((text) => COLUMN_KEYS.parse(JSON.parse(text))),
  blind_index_key: z.string(),
  signing_keys_dir: z.string(),
  identity_address: hostPort,
  messaging_url: url,
  /** Where settings are watched; without it they are the usual ones. */
  risk_address: hostPort.optional(),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  /** Where it is given, the setting `calls.messaging` is not asked. */
  notification_send_timeout_ms: milliseconds.optional(),
  notification_retry_ms: milliseconds.default(5000),
  notification_receipt_ms: milliseconds.default(2000),
  notification_breaker_failures: count.default(5),
  notification_breaker_open_ms: milliseconds.default(10_000),
});

/** Requirement: 2 s for a message; what operators set wins. */
const SEND_TIMEOUT_MS = 2000;
const SEND_ATTEMPTS = 2;

export type Config = z.output<typeof configSchema>;
export type Running = Stoppable & { port: number; address: string; stop(): Promise<void> };

/** Starts the service on a database that it migrates itself. */
export async function start(config: Config, { clock = systemClock, log = createLog({ service: SERVICE }) }: { clock?: Clock; log?: Log } = {}): Promise<Running> {
  const started = await startAll(async (lifecycle) => {
    await migrate(config.mysql_url_notification, migrations, { log });
    const db = await openDatabase({ url: config.mysql_url_notification, log, service: SERVICE, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const keys = { keyring: createKeyring(config.column_keys), index: createBlindIndex(config.blind_index_key) };
    const parts = { keys, clock, toEvent: deliveredEvents(clock, systemRandom) };
    const identity = createClient(IdentityService, { address: config.identity_address, service: SERVICE, caller_key: config.caller_key[0] });
    lifecycle.onStop('identity client', () => identity.close());
    const fixed = config.notification_send_timeout_ms === undefined ? undefined : { timeout_ms: config.notification_send_timeout_ms, attempts: SEND_ATTEMPTS };
    const calls = lifecycle.add('call settings', watchCalls('calls.messaging', { address: config.risk_address, caller_key: config.caller_key[0], service: SERVICE, log }, fixed));
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, log, service: SERVICE });
    lifecycle.onStop('bus', () => nats.close());
    await keepStreams(nats, { replicas: config.nats_replicas, log });
    const messaging_keys = await loadOurKeys(config.signing_keys_dir, 'messaging');
    let worker: { nudge(): void } | undefined;
    const deps: Deps = {
      store: createNotificationStore(db, parts),
      ids: await leaseIds({ db, clock, log, lifecycle }),
      contacts: createContacts(identity),
      messaging: createMessaging({ ...messagingOptions(config, messaging_keys), tuned: calls.get, log, clock }),
      templates: cacheTemplates(db, clock),
      clock,
      random: systemRandom,
      log,
      retry_ms: config.notification_retry_ms,
      receipt_ms: config.notification_receipt_ms,
      deadLetters: deadLettersOver(nats, clock),
      meters: deliveryMeters(SERVICE),
      wake: () => worker?.nudge(),
      ...together(lifecycle, () => deps),
    };
    await seedTemplates(deps.store, clock.now_ms());
    worker = lifecycle.add('deliveries', sweepDeliveries(db, deps));

    lifecycle.add('relay', startRelay({ db, nats, log, service: SERVICE }));
    for (const source of sources(deps, parts)) lifecycle.add(source.durable, await startConsumer({ nats, db, service: SERVICE, log, ...source }));
    lifecycle.add('receipts', await startReceipts(deps, { host: config.listen_host, port: config.notification_http_port, service: SERVICE, peer_key: messaging_keys.peer_key }));
    const token = { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience };
    const auth = { caller_keys: config.caller_key, token };
    const server = lifecycle.add('rpc', await startServer({ service: SERVICE, host: config.listen_host, port: config.notification_port, implementations: [notificationService(deps), housekeepingService({ db, bus: nats }), auditService({ db, keys })], auth, log, clock }));
    return { port: server.port, address: server.address };
  });
  return { ...started, stop: async () => started.stop() };
}

/** What events come from where, and what is done with them. */
function sources(deps: Deps, parts: StoreParts): Pick<ConsumerOptions, 'stream' | 'types' | 'durable' | 'handle' | 'prepare' | 'replays_only'>[] {
  const prepare: ConsumerOptions['prepare'] = async (events) => {
    const prepared = await prepareMessages(deps, events);
    return async (fresh, tx) => {
      const composed = await writeMessages(deps, unitOf(tx, parts, SYSTEM), prepared, fresh);
      tx.afterCommit(() => sendOut(deps, composed));
    };
  };
  const revive: ConsumerOptions['handle'] = async (event, tx) => {
    await handleUndeliverable(deps, unitOf(tx, parts, SYSTEM), event);
    tx.afterCommit(() => deps.wake());
  };
  return [
    { stream: 'ORDER', types: ORDER_TYPES, durable: 'notification-order', prepare },
    { stream: 'PAYMENT', types: PAYMENT_TYPES, durable: 'notification-payment', prepare },
    { stream: 'NOTIFY', types: UNDELIVERABLE_TYPES, durable: UNDELIVERABLE_CONSUMER, handle: revive, replays_only: true },
  ];
}

/** Half a moment for company: background work is in no hurry, and in company it costs a fraction. */
const COMPANY_MS = 20;

/** What goes together: changes of deliveries in one transaction, messages of one channel in one request. */
function together(lifecycle: Lifecycle, depsOf: () => Deps): Pick<Deps, 'move' | 'sendSoon'> {
  const moves = company<Move, Moved | undefined>({
    wait_ms: COMPANY_MS, together_max: 500, batches_max: 4, waiting_max: 20_000, timers: systemTimers,
    run: (batch) => moveDeliveries(depsOf(), batch),
    apart: (error) => !isOutage(error),
  });
  lifecycle.add('moves', moves);
  const fresh = company<FreshJob, undefined>({ wait_ms: COMPANY_MS, together_max: 300, batches_max: 8, waiting_max: 5000, timers: systemTimers, run: (batch) => sendFresh(depsOf(), batch) });
  lifecycle.add('messages to send', fresh);
  return {
    move: (move) => moves.join(move),
    sendSoon(jobs) {
      const since_ms = depsOf().clock.monotonic_ms();
      for (const job of jobs) fresh.join({ job, since_ms }).catch((error: unknown) => depsOf().log.warn({ error }, 'a message waits until its claim runs out'));
    },
  };
}

function messagingOptions(config: Config, keys: Awaited<ReturnType<typeof loadOurKeys>>) {
  return {
    url: config.messaging_url,
    receipts_url: config.public_url === undefined ? undefined : `${config.public_url}${RECEIPTS_PATH}`,
    keys,
    service: SERVICE,
    timeout_ms: SEND_TIMEOUT_MS,
    breaker: { failures: config.notification_breaker_failures, half_open_after_ms: config.notification_breaker_open_ms },
  };
}

function sweepDeliveries(db: Database, deps: Deps) {
  return startBatchSweeper<{ delivery_id: bigint }>({
    db,
    log: deps.log,
    service: SERVICE,
    name: 'deliveries',
    table: 'message_delivery',
    key: ['delivery_id'],
    batch: 128,
    claim_ms: CLAIM_MS,
    handleMany: (rows, signal) => deliverDue(deps, rows.map(({ delivery_id }) => delivery_id), signal),
  });
}

const SERVICE = 'notification';
const COLUMN_KEYS = z.object({ active: z.string(), keys: z.record(z.string(), z.string()) });

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
