import type { DescService } from '@bufbuild/protobuf';
import { z } from 'zod';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { keepStreams } from '#kit/bus/streams.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import type { Implementation } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { count, hexKeys, hostPort, hostPorts, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll, type Lifecycle } from '#kit/run/lifecycle.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog, type Log } from '#kit/telemetry/log.ts';
import { createChangeDriver } from './app/drive_change.ts';
import { createDriver } from './app/drive_refund.ts';
import { findRunOrders, type FindRunOrdersDeps } from './app/find_run_orders.ts';
import { refundRunOrder, type RefundRunOrderDeps } from './app/refund_run_order.ts';
import { FREE_DELAY_MS } from './domain/run_news.ts';
import { startChangePayments } from './events/change_payments.ts';
import { startPaymentEvents } from './events/payment_events.ts';
import { startRunEvents } from './events/run_events.ts';
import { createChangeTokens } from './rpc/change_token.ts';
import { changeService } from './rpc/changes.ts';
import { changeNoticesOver } from './rpc/peers/change_notices.ts';
import { changeOrdersOver } from './rpc/peers/change_orders.ts';
import { changeMoneyOver, changePlacesOver, changeTicketsOver, timetableOver } from './rpc/peers/change_peers.ts';
import { noticesOver } from './rpc/peers/notices.ts';
import { ordersOver, runOrdersOver } from './rpc/peers/orders.ts';
import { moneyOver, placesOver, ticketsOver } from './rpc/peers/others.ts';
import { createQuoteTokens } from './rpc/quote_token.ts';
import { refundService } from './rpc/refunds.ts';
import { noteDifference, openChangeStore } from './store/change_store.ts';
import { noteMoney, openRefundStore, type RefundStoreDeps } from './store/refund_store.ts';
import { noteCancelled, noteRestored, openRunNews } from './store/run_news_store.ts';
import { openRunRefundStore } from './store/run_refund_store.ts';
import { lookAtWaiting } from './store/standby_queue.ts';
import { startStandbys, type StartedChanges } from './wire/standbys.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  aftersales_port: port.default(0),
  mysql_url_aftersales: z.string(),
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
  order_address: hostPort,
  payment_address: hostPort,
  ticketing_address: hostPort,
  inventory_address: hostPorts,
  identity_address: hostPort,
  query_address: hostPort,
  /** Without it nobody is told that a run is refunded, or what became of a change. */
  notification_address: hostPort.optional(),
  aftersales_sweep_ms: milliseconds.default(1000),
  /** How long a step may take before the sweeper takes the refund over. */
  aftersales_step_ms: milliseconds.default(8000),
  /** First pause after a failed step; it doubles. */
  aftersales_backoff_ms: milliseconds.default(1000),
  /** How long the difference of a change may be paid; new places are held for as long. */
  aftersales_change_pay_ms: milliseconds.default(10 * 60_000),
  /** How long a silent gateway is asked whether the difference was paid. */
  aftersales_force_close_ms: milliseconds.default(5 * 60_000),
  /** From which shift on tickets of a train are returned without a fee. */
  aftersales_free_delay_ms: milliseconds.default(FREE_DELAY_MS),
  /** Between two looks at an order of a refunded run that others have to move on. */
  aftersales_look_ms: milliseconds.default(5000),
  /** Between two passes over the orders of a refunded run. */
  aftersales_pass_ms: milliseconds.default(30_000),
});

export type AftersalesConfig = z.output<typeof configSchema>;

/** Starts aftersales: refunds, changes, and standby (wire/standbys.ts). */
export function start(config: AftersalesConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'aftersales';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_aftersales, log, service, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const nats = await openBus({ url: config.nats_url, token: config.nats_token, prefix: config.nats_prefix, log, service });
    lifecycle.onStop('bus', () => nats.close());
    await keepStreams(nats, { replicas: config.nats_replicas, log });

    const ids = await leaseIds({ db, clock, log, lifecycle });

    const peer = <S extends DescService>(contract: S, address: string | readonly string[]): ServiceClient<S> => {
      const client = createClient(contract, { address, service, caller_key: config.caller_key[0]! });
      lifecycle.onStop(contract.name, () => client.close());
      return client;
    };
    const orders = peer(OrderService, config.order_address);
    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };
    const stores = { db, keys, clock, nextId: (gene: number) => ids.next(gene), step_ms: config.aftersales_step_ms };
    const store = openRefundStore(stores);
    const clients = { orders, payment: peer(PaymentService, config.payment_address), ticketing: peer(TicketingService, config.ticketing_address), inventory: peer(InventoryService, config.inventory_address), query: peer(QueryService, config.query_address), notification: config.notification_address === undefined ? undefined : peer(NotificationService, config.notification_address) };
    const order_port = ordersOver(orders);
    const driver = createDriver({
      store, clock, timers: systemTimers, log,
      orders: order_port,
      tickets: ticketsOver(clients.ticketing),
      money: moneyOver(clients.payment),
      places: placesOver(clients.inventory),
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

    const notices = noticesOver(clients.notification);
    const run_refunds = { jobs: openRunRefundStore({ db, keys, clock, nextId: () => ids.next(0) }), runs: runOrdersOver(orders), pass_ms: config.aftersales_pass_ms, log };
    const onBegun = await startRunRefunds({ config, lifecycle, db, nats, log, clock, nextId: () => ids.next(0), find: run_refunds, look: { ...run_refunds, refunds: store, orders: order_port, driver, notices, clock, look_ms: config.aftersales_look_ms } });

    const quotes = { clock, runs: openRunNews(db), free_delay_ms: config.aftersales_free_delay_ms };
    const changes = await startChanges({ config, lifecycle, nats, log, stores, clients });
    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.aftersales_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [
        refundService({ ...quotes, store, tokens: createQuoteTokens(config.caller_key), orders, driver, run_refunds: { ...run_refunds, onBegun } }),
        changes.service,
        startStandbys({ ...stores, bus: nats, log, lifecycle, peer, config, changes, notification: clients.notification }),
        auditService({ db, keys }),
      ],
    }));
    return { port: server.port, address: server.address };
  });
}

type RunRefundWiring = {
  config: AftersalesConfig; lifecycle: Lifecycle; db: Database; nats: Bus; log: Log; clock: Clock; nextId: () => bigint;
  find: FindRunOrdersDeps;
  look: RefundRunOrderDeps;
};

/** Refunds of whole runs: what begins them, what finds their orders and what looks at each. What looks at once when one begins. */
async function startRunRefunds({ config, lifecycle, db, nats, log, clock, nextId, find, look }: RunRefundWiring): Promise<() => void> {
  const service = 'aftersales';
  const common = { db, log, service, poll_ms: config.aftersales_sweep_ms, backoff_base_ms: config.aftersales_backoff_ms };
  const orders = lifecycle.add('orders of refunded runs', startSweeper<{ job_id: bigint; order_id: bigint }>({
    ...common, name: 'run_refund_orders', table: 'run_refund_order', key: ['job_id', 'order_id'], handle: ({ job_id, order_id }) => refundRunOrder(look, BigInt(job_id), BigInt(order_id)),
  }));
  const jobs = lifecycle.add('refunds of runs', startSweeper<{ job_id: bigint }>({
    ...common, name: 'run_refunds', table: 'run_refund', key: ['job_id'],
    async handle({ job_id }) {
      const outcome = await findRunOrders(find, BigInt(job_id));
      orders.nudge();
      return outcome;
    },
  }));
  const onNews = (): void => {
    jobs.nudge();
    orders.nudge();
  };
  lifecycle.add('run events', await startRunEvents({
    nats, db, log, service, onNews,
    async cancelled(tx, news) {
      await noteCancelled(tx, { clock, nextId }, news);
      await lookAtWaiting(tx, news.run_id);
    },
    restored: (tx, news) => noteRestored(tx, { clock }, news),
  }));
  return onNews;
}

type ChangeParts = {
  config: AftersalesConfig;
  lifecycle: Lifecycle;
  nats: Bus;
  log: Log;
  stores: RefundStoreDeps;
  clients: { orders: ServiceClient<typeof OrderService>; payment: ServiceClient<typeof PaymentService>; ticketing: ServiceClient<typeof TicketingService>; inventory: ServiceClient<typeof InventoryService>; query: ServiceClient<typeof QueryService>; notification: ServiceClient<typeof NotificationService> | undefined };
};

/** Changes of trains: their driver, what wakes it, and their service. */
async function startChanges({ config, lifecycle, nats, log, stores, clients }: ChangeParts): Promise<StartedChanges & { service: Implementation }> {
  const { db, clock } = stores;
  const service = 'aftersales';
  const deps = {
    store: openChangeStore(stores), clock, timers: systemTimers, log,
    orders: changeOrdersOver(clients.orders),
    timetable: timetableOver(clients.query),
    places: changePlacesOver(clients.inventory, placesOver(clients.inventory)),
    tickets: changeTicketsOver(clients.ticketing),
    money: changeMoneyOver(clients.payment, moneyOver(clients.payment)),
    notices: changeNoticesOver(clients.notification),
    settings: { pay_window_ms: config.aftersales_change_pay_ms, force_close_ms: config.aftersales_force_close_ms },
  };
  const driver = createChangeDriver(deps);
  lifecycle.onStop('changes under way', () => driver.idle());
  const sweeper = lifecycle.add('change sweeper', startSweeper<{ change_id: bigint }>({
    db, log, service, name: 'changes', table: 'ticket_change', key: ['change_id'],
    poll_ms: config.aftersales_sweep_ms, backoff_base_ms: config.aftersales_backoff_ms,
    handle: ({ change_id }) => driver.drive(BigInt(change_id)),
  }));
  lifecycle.add('differences', await startChangePayments({ nats, db, log, service, noteDifference, onNews: () => sweeper.nudge() }));
  return { ...deps, driver, service: changeService({ ...deps, tokens: createChangeTokens(config.caller_key), orders: clients.orders, driver }) };
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
