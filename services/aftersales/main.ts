import type { DescService } from '@bufbuild/protobuf';
import { z } from 'zod';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { openBus } from '#kit/bus/bus.ts';
import { ensureStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { hexKeys, hostPort, hostPorts, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { createDriver } from './app/drive_refund.ts';
import { startPaymentEvents } from './events/payment_events.ts';
import { ordersOver } from './rpc/peers/orders.ts';
import { moneyOver, placesOver, ticketsOver } from './rpc/peers/others.ts';
import { createQuoteTokens } from './rpc/quote_token.ts';
import { refundService } from './rpc/refunds.ts';
import { noteMoney, openRefundStore } from './store/refund_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  aftersales_port: port.default(0),
  mysql_url_aftersales: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  nats_prefix: z.string().default(''),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  order_address: hostPort,
  payment_address: hostPort,
  ticketing_address: hostPort,
  inventory_address: hostPorts,
  aftersales_sweep_ms: milliseconds.default(1000),
  /** How long a step may take before the sweeper takes the refund over. */
  aftersales_step_ms: milliseconds.default(8000),
  /** First pause after a failed step; it doubles. */
  aftersales_backoff_ms: milliseconds.default(1000),
});

export type AftersalesConfig = z.output<typeof configSchema>;

/** The only wiring of aftersales. Serves refunds; changes and standbys come with their own issues. */
export function start(config: AftersalesConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'aftersales';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_aftersales, log, service });
    lifecycle.onStop('database', () => db.close());
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, prefix: config.nats_prefix, log, service });
    lifecycle.onStop('bus', () => nats.close());
    await ensureStreams(nats);

    const ids = await leaseIds({ db, clock, log, lifecycle });

    const peer = <S extends DescService>(contract: S, address: string | readonly string[]): ServiceClient<S> => {
      const client = createClient(contract, { address, service, caller_key: config.caller_key[0]! });
      lifecycle.onStop(contract.name, () => client.close());
      return client;
    };
    const orders = peer(OrderService, config.order_address);
    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const store = openRefundStore({ db, keys, clock, nextId: (gene) => ids.next(gene), step_ms: config.aftersales_step_ms });
    const driver = createDriver({
      store, clock, timers: systemTimers, log,
      orders: ordersOver(orders),
      tickets: ticketsOver(peer(TicketingService, config.ticketing_address)),
      money: moneyOver(peer(PaymentService, config.payment_address)),
      places: placesOver(peer(InventoryService, config.inventory_address)),
    });
    lifecycle.onStop('refunds under way', () => driver.idle());

    const sweeper = lifecycle.add('refund sweeper', startSweeper<{ refund_id: bigint }>({
      db, log, service, name: 'refunds', table: 'refund', key: ['refund_id'],
      poll_ms: config.aftersales_sweep_ms, backoff_base_ms: config.aftersales_backoff_ms,
      handle: ({ refund_id }) => driver.drive(BigInt(refund_id)),
    }));
    lifecycle.add('payment events', await startPaymentEvents({
      nats, db, log, service, noteMoney: (tx, money_id, arrived) => noteMoney(tx, money_id, arrived, clock.now_ms()), onNews: () => sweeper.nudge(),
    }));

    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.aftersales_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [refundService({ store, tokens: createQuoteTokens(config.caller_key), orders, driver, clock })],
    }));
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
