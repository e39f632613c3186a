import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import { openBus } from '#kit/bus/bus.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { ensureStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { hexKeys, hostPort, list, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseWorker } from '#kit/store/worker.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { drivePayment } from './app/drive_payment.ts';
import { driveRefund } from './app/drive_refund.ts';
import { eventCodec } from './events/codec.ts';
import { startCallbacks } from './rpc/callbacks.ts';
import { gatewayOver } from './rpc/gateway.ts';
import { paymentService } from './rpc/payment.ts';
import { EffectJournal } from './store/journal.ts';
import { openPaymentStore } from './store/payment_store.ts';
import { openRefundStore } from './store/refund_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  payment_port: port.default(0),
  payment_http_port: port.default(0),
  mysql_url_payment: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  nats_prefix: z.string().default(''),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  signing_keys_dir: z.string(),
  order_address: hostPort,
  gateway_url: url,
  /** The edge as browsers and the gateway reach it. */
  public_url: url,
  /** Channels in order of preference. */
  payment_channels: list.default(['alipay', 'wechat']),
  payment_sweep_ms: milliseconds.default(1000),
});

export type PaymentConfig = z.output<typeof configSchema>;

/** Requirements: 3 s for the payment platform; the sweeper repeats, so a single call does not. */
const GATEWAY_TIMEOUT_MS = 3000;

/** The only wiring of payment. */
export function start(config: PaymentConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'payment';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_payment, log, service });
    lifecycle.onStop('database', () => db.close());
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, prefix: config.nats_prefix, log, service });
    lifecycle.onStop('bus', () => nats.close());
    await ensureStreams(nats);
    lifecycle.add('relay', startRelay({ db, nats, log, service }));

    let ids: SnowflakeGenerator | undefined;
    const worker = await leaseWorker({
      db, log, owner: randomUUID(), workers: WORKERS, now_ms: () => clock.now_ms(),
      onReserved: (until_ms) => ids?.extend(until_ms),
      onLost: () => ids?.declareLost(),
    });
    const generator = new SnowflakeGenerator({ clock, worker: worker.worker_id, after_ms: worker.after_ms, reserved_until_ms: worker.reserved_until_ms });
    ids = generator;
    lifecycle.onStop('worker', () => worker.release(generator.last_ms()));
    await generator.ready((ms) => sleep(ms));

    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const journal = new EffectJournal({ keys, codec: eventCodec, clock, random: systemRandom });
    const payments = openPaymentStore({ db, journal, clock, nextId: (gene) => generator.next(gene) });
    const refunds = openRefundStore({ db, journal, clock });
    const signing = await loadOurKeys(config.signing_keys_dir, 'gateway');
    const external = createExternalClient({ name: 'gateway', url: config.gateway_url, keys: signing, timeout_ms: GATEWAY_TIMEOUT_MS, attempts: 1, service, clock });
    const gateway = gatewayOver(external, config.public_url.replace(/\/$/, ''));

    const sweep = { db, log, service, poll_ms: config.payment_sweep_ms };
    lifecycle.add('payment sweeper', startSweeper<{ payment_id: bigint }>({
      ...sweep, name: 'payments', table: 'payment', key: ['payment_id'],
      handle: ({ payment_id }, signal) => drivePayment({ store: payments, gateway, clock }, payment_id, signal),
    }));
    const refund_sweeper = lifecycle.add('refund sweeper', startSweeper<{ refund_id: string }>({
      ...sweep, name: 'refunds', table: 'refund', key: ['refund_id'],
      handle: ({ refund_id, attempts }, signal) => driveRefund({ store: refunds, gateway }, refund_id, Number(attempts), signal),
    }));

    const orders = createClient(OrderService, { address: config.order_address, service, caller_key: config.caller_key[0]! });
    lifecycle.onStop('orders', () => orders.close());
    const callbacks = lifecycle.add('callbacks', await startCallbacks({ host: config.listen_host, port: config.payment_http_port, store: payments, gateway_key: signing.peer_key, clock, log }));
    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.payment_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [paymentService({ payments, refunds, gateway, orders, clock, channels: () => config.payment_channels, nudgeRefunds: () => refund_sweeper.nudge() })],
    }));
    return { port: server.port, address: server.address, http_port: callbacks.port };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
