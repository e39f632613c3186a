/** Everything of standby: stores, peers, matching, sweepers; the service to be served. */
import { randomUUID } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { Bus } from '#kit/bus/bus.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Implementation } from '#kit/rpc/implement.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import type { Database } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { ChangeDeps } from '../app/change_ports.ts';
import type { ChangeDriver } from '../app/drive_change.ts';
import { driveAnyStandby } from '../app/drive_upgrade.ts';
import { createMatcher } from '../app/match_run.ts';
import { measuredOdds } from '../app/odds.ts';
import { tellStandby } from '../app/tell_standby.ts';
import { tellWaiting } from '../app/tell_waiting.ts';
import { onKeptSeats } from '../events/standby_signal.ts';
import type { StandbyNews } from '../app/standby_ports.ts';
import { ticketsViewFor } from '../rpc/peers/change_orders.ts';
import { standbyNoticesOver } from '../rpc/peers/standby_notices.ts';
import { standbyOrdersOver, standbyPeopleOver, standbySeatsOver, standbyTimetableOver } from '../rpc/peers/standby_peers.ts';
import { heldOver, upgradeNoticesOver } from '../rpc/peers/upgrade_peers.ts';
import { standbyService } from '../rpc/standbys.ts';
import { openStandbyMeasures } from '../store/standby_measures.ts';
import { newsTold } from '../store/standby_notices.ts';
import { openRunNews } from '../store/run_news_store.ts';
import { openStandbyStore } from '../store/standby_store.ts';
import { openUpgradeStore } from '../store/upgrade_store.ts';

/** Changes of trains, as upgrades need them (ADR 37). */
export type StartedChanges = Pick<ChangeDeps, 'store' | 'timetable' | 'tickets' | 'orders'> & { driver: ChangeDriver };

export type StandbyWiring = {
  db: Database;
  bus: Bus;
  log: Log;
  clock: Clock;
  lifecycle: Lifecycle;
  keys: AuditKeys;
  nextId: (gene: number) => bigint;
  step_ms: number;
  peer: <S extends DescService>(contract: S, address: string | readonly string[]) => ServiceClient<S>;
  changes: StartedChanges;
  /** Without it nobody is told what became of a standby. */
  notification: ServiceClient<typeof NotificationService> | undefined;
  config: { order_address: string; inventory_address: readonly string[]; identity_address: string; query_address: string; aftersales_sweep_ms: number; aftersales_backoff_ms: number };
};

const SERVICE = 'aftersales';
const LOOKED_MINUTES = 10;
/** Orders that are made at once: a step may match many, and the next step is not to wait for them. The rest waits, or is found by the sweeper. */
const DRIVEN_AT_ONCE = 8;
const LATER_MAX = 1000;

export function startStandbys({ db, bus, log, clock, lifecycle, keys, nextId, step_ms, peer, changes, notification, config }: StandbyWiring): Implementation {
  const standbys = openStandbyStore({ db, keys, clock, nextId });
  const owner = randomUUID();
  const measures = openStandbyMeasures(db, clock, owner);
  const inventory = peer(InventoryService, config.inventory_address);
  const order_client = peer(OrderService, config.order_address);
  const seats = standbySeatsOver(inventory);
  const orders = standbyOrdersOver(order_client);
  const sweep = { db, log, service: SERVICE, poll_ms: config.aftersales_sweep_ms, backoff_base_ms: config.aftersales_backoff_ms };
  const quotes = { clock, timetable: changes.timetable, tickets: changes.tickets };
  const parts = {
    standbys, seats, orders, runs: openRunNews(db), clock, timers: systemTimers, log, owner, onLocked: (standby_id: bigint) => drive(standby_id),
    upgrades: openUpgradeStore({ db, keys, clock, nextId, step_ms }), changes: changes.store, changing: changes.driver, quotes, tickets_of: changes.orders,
    held: heldOver(inventory), notices: upgradeNoticesOver(notification),
  };
  const matcher = createMatcher(parts);
  lifecycle.onStop('runs being matched', () => matcher.idle());

  const driving = new Set<Promise<unknown>>();
  let later: bigint[] = [];
  lifecycle.onStop('standbys under way', () => {
    later = [];
    return Promise.allSettled(driving);
  });
  function drive(standby_id: bigint): void {
    if (driving.size >= DRIVEN_AT_ONCE) {
      if (later.length < LATER_MAX) later.push(standby_id);
      return;
    }
    const work = driveAnyStandby(parts, standby_id).catch((error: unknown) => log.warn({ error, standby_id: String(standby_id) }, 'a standby is left to the sweeper'));
    driving.add(work);
    void work.finally(() => {
      driving.delete(work);
      const next = later.shift();
      if (next !== undefined) drive(next);
    });
  }
  lifecycle.add('standby sweeper', startSweeper<{ standby_id: bigint }>({ ...sweep, name: 'standbys', table: 'standby', key: ['standby_id'], handle: ({ standby_id }) => driveAnyStandby(parts, BigInt(standby_id)) }));
  const runs = lifecycle.add('standby runs', startSweeper<{ run_id: string }>({ ...sweep, name: 'standby_runs', table: 'standby_run', key: ['run_id'], handle: ({ run_id }) => tellWaiting({ standbys, seats, matcher }, run_id) }));
  lifecycle.add('standby notices', startSweeper<{ standby_id: bigint; news: StandbyNews }>({
    ...sweep, name: 'standby_notices', table: 'standby_notice', key: ['standby_id', 'news'],
    handle: ({ standby_id, news }) => tellStandby({ standbys, notices: standbyNoticesOver(notification), told: (...what) => newsTold(db, ...what) }, BigInt(standby_id), news),
  }));
  lifecycle.add('standby measures', repeat({ name: 'standby_measures', service: SERVICE, every_ms: LOOKED_MINUTES * 60_000, log, run: () => measures.looked(LOOKED_MINUTES) }));
  lifecycle.onStop('kept seats', onKeptSeats(bus, (run_id, count) => {
    matcher.wake(run_id);
    measures.released(run_id, count).catch((error: unknown) => log.warn({ error, run_id }, 'released seats were not counted'));
  }));

  return standbyService({
    standbys, seats, orders, clock, timers: systemTimers, quotes, changes: changes.store, changing: changes.driver,
    ticketsFor: (call) => ticketsViewFor(order_client, call),
    odds: measuredOdds(measures, clock),
    people: standbyPeopleOver(peer(IdentityService, config.identity_address)),
    timetable: standbyTimetableOver(peer(QueryService, config.query_address), clock),
    onWaiting(run_ids) {
      runs.nudge();
      for (const run_id of run_ids) matcher.wake(run_id);
    },
  });
}
