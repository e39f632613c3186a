import { z } from 'zod';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { openBus } from '#kit/bus/bus.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { reportLoad } from '#kit/load/report.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { count, hexKeys, hostPort, list, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { watchCalls } from '#kit/settings/calls.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { drivePayment } from './app/drive_payment.ts';
import { driveRefund } from './app/drive_refund.ts';
import { eventCodec } from './events/codec.ts';
import { deadLettersOn, startResuming } from './events/dead_letters.ts';
import { startCallbacks } from './rpc/callbacks.ts';
import { gatewayOver } from './rpc/gateway.ts';
import { verdictsOver } from './rpc/orders.ts';
import { paymentService } from './rpc/payment.ts';
import { EffectJournal } from './store/journal.ts';
import { openPaymentStore, pruneNonces } from './store/payment_store.ts';
import { openRefundStore } from './store/refund_store.ts';
import { resumeIn } from './store/resume.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  payment_port: port.default(0),
  payment_http_port: port.default(0),
  mysql_url_payment: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  /** Copies of each stream: 3 where NATS is a cluster. */
  nats_replicas: count.default(1),
  nats_prefix: z.string().default(''),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  signing_keys_dir: z.string(),
  order_address: hostPort,
  /** Where settings are watched; without it the channels are what the environment or the default says. */
  risk_address: hostPort.optional(),
  gateway_url: url,
  /** The edge as browsers and the gateway reach it. */
  public_url: url,
  /** Channels in order of preference. Where they are given, the setting `payment.channels` is not asked. */
  payment_channels: list.optional(),
  /** Channels that speak SM2 with SM3 instead of RSA with SHA-256, with keys of their own. */
  payment_sm2_channels: list.default(['wechat']),
  payment_sweep_ms: milliseconds.default(1000),
});

export type PaymentConfig = z.output<typeof configSchema>;

/** Requirements: 3 s for the payment platform; the sweeper repeats, so a single call does not. */
const GATEWAY_TIMEOUT_MS = 3000;
const PRUNE_EVERY_MS = 3_600_000;

/** What payment can work with, and what holds until the configuration service has answered. */
export const SETTINGS = {
  'payment.channels': { shape: z.array(z.string().regex(/^[a-z]{2,16}$/)).min(1).max(8), value: ['alipay', 'wechat'] },
};

/** The only wiring of payment. */
export function start(config: PaymentConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'payment';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_payment, log, service, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, prefix: config.nats_prefix, log, service });
    lifecycle.onStop('bus', () => nats.close());
    await keepStreams(nats, { replicas: config.nats_replicas, log });
    lifecycle.add('relay', startRelay({ db, nats, log, service }));

    const ids = await leaseIds({ db, clock, log, lifecycle });

    const channels = { ...SETTINGS['payment.channels'], fixed: config.payment_channels };
    const settings = lifecycle.add('settings', watchSettings({ address: config.risk_address, caller_key: config.caller_key[0], service, keys: { 'payment.channels': channels }, log }));

    lifecycle.add('load', reportLoad({ address: config.risk_address, caller_key: config.caller_key[0], service, methods: ['CreatePayment', 'GetPayment'], log }));

    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const journal = new EffectJournal({ keys, codec: eventCodec, clock, random: systemRandom });
    const payments = openPaymentStore({ db, journal, clock, log, nextId: (gene) => ids.next(gene) });
    const refunds = openRefundStore({ db, journal, clock });
    const signing = { rsa: await loadOurKeys(config.signing_keys_dir, 'gateway'), sm2: await loadOurKeys(config.signing_keys_dir, 'gateway', 'sm2') };
    const doorOf = (payment_channel: string) => (config.payment_sm2_channels.includes(payment_channel) ? 'sm2' : 'rsa');
    const calls = lifecycle.add('call settings', watchCalls('calls.gateway', { address: config.risk_address, caller_key: config.caller_key[0], service, log }));
    const gateway = gatewayOver({
      doorOf,
      clientOf: (door, name) => createExternalClient({ name: `gateway/${name}`, url: config.gateway_url, keys: signing[door], timeout_ms: GATEWAY_TIMEOUT_MS, attempts: 1, tuned: calls.get, service, clock }),
      public_url: config.public_url.replace(/\/$/, ''),
    });
    const orders = createClient(OrderService, { address: config.order_address, service, caller_key: config.caller_key[0]! });
    lifecycle.onStop('orders', () => orders.close());
    const letters = deadLettersOn({ bus: nats, clock, random: systemRandom, log });

    const sweep = { db, log, service, poll_ms: config.payment_sweep_ms };
    const payment_sweeper = lifecycle.add('payment sweeper', startSweeper<{ payment_id: bigint }>({
      ...sweep, name: 'payments', table: 'payment', key: ['payment_id'],
      handle: ({ payment_id, attempts }, signal) => drivePayment({ store: payments, gateway, orders: verdictsOver(orders), letters, clock }, payment_id, signal, Number(attempts)),
    }));
    const refund_sweeper = lifecycle.add('refund sweeper', startSweeper<{ refund_id: string }>({
      ...sweep, name: 'refunds', table: 'refund', key: ['refund_id'],
      handle: ({ refund_id, attempts }, signal) => driveRefund({ store: refunds, gateway, letters }, refund_id, Number(attempts), signal),
    }));

    const nudge = (): void => [payment_sweeper, refund_sweeper].forEach((sweeper) => sweeper.nudge());
    lifecycle.add('resuming', await startResuming({ nats, db, log, service, resume: { ...resumeIn(journal), nudge } }));

    lifecycle.add('pruning', repeat({
      name: 'prune', service, every_ms: PRUNE_EVERY_MS, log,
      run: async () => ((await pruneNonces(db)) > 0 ? 'again' : undefined),
    }));
    const callbacks = lifecycle.add('callbacks', await startCallbacks({ host: config.listen_host, port: config.payment_http_port, store: payments, gateway_keys: (payment_channel) => signing[doorOf(payment_channel)].peer_key, clock, log }));
    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.payment_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [paymentService({ payments, refunds, gateway, orders, clock, channels: (who) => settings.get('payment.channels', who), nudgeRefunds: () => refund_sweeper.nudge() }), housekeepingService({ db, bus: nats }), auditService({ db, keys })],
    }));
    return { port: server.port, address: server.address, http_port: callbacks.port };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
