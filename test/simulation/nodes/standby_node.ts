/** Standby in a process of aftersales: the real matcher and driver over simulated stores and peers. */
import { createHash } from 'node:crypto';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { CreateStandbyParts } from '../../../services/aftersales/app/create_standby.ts';
import { driveStandby, type DriverParts } from '../../../services/aftersales/app/drive_standby.ts';
import type { Actor } from '../../../services/aftersales/app/ports.ts';
import { createMatcher, type Matcher } from '../../../services/aftersales/app/match_run.ts';
import type { MatchedOrder, StandbyOrders, StandbySeats, StandbyStore, StandbyTimetable, WaitingHead } from '../../../services/aftersales/app/standby_ports.ts';
import { tellWaiting } from '../../../services/aftersales/app/tell_waiting.ts';
import { matchHoldId, type Standby, type Wish } from '../../../services/aftersales/domain/standby.ts';
import { fitCalibration } from '../../../services/aftersales/domain/standby_odds.ts';
import { SYSTEM } from '../../../services/order/app/actor.ts';
import { createHeldOrder } from '../../../services/order/app/create_held_order.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import { journeyOn } from '../../../services/order/domain/sale.ts';
import { SEAT_CLASS } from '../line.ts';
import { memoryStandbyStore } from '../memory/standby_store.ts';
import { asked, type Process } from '../process.ts';
import { startSweeper } from '../sweeper.ts';
import type { World } from '../world.ts';

export type StandbyNode = CreateStandbyParts & { orders: StandbyOrders; matcher: Matcher };

const READ_MS = 1000;
const WRITE_MS = 2000;
const ACTOR = { ...SYSTEM, service: 'aftersales' };
/** What was measured is no part of the simulation: a seat an hour. */
const RATES = [{ until_hours: Infinity, seats_per_hour: 1 }];

export function startStandby(world: World, process: Process, { log, nextId }: { log: Log; nextId: (gene: number) => bigint }): StandbyNode {
  const { net, plant } = world;
  const { clock, timers } = process;
  const db = world.aftersales_db.standby;
  const mysql = world.stores.aftersales;
  const plain = memoryStandbyStore(db, { now_ms: clock.now_ms, nextId });
  const standbys = net.stored(process, mysql, judged(world, plant.standbys?.(plain, db) ?? plain), (name, args) => (name === 'end' ? `standby → ${String(args[1])}` : `standby ${name}`));
  const peers = standbyPeers(world, process);
  const { seats, orders } = plant.standby_peers?.(peers, world) ?? peers;
  const parts: DriverParts = { standbys, seats, orders, clock, timers, log, owner: process.name, runs: { cancelledOf: async () => new Set() }, onLocked: (standby_id) => drive(standby_id) };
  const matcher = createMatcher(parts);
  function drive(standby_id: bigint): void {
    // What ends badly is left to the sweeper.
    driveStandby(parts, standby_id).catch((error: unknown) => world.scheduler.note(process.name, `standby ${standby_id} ✗ ${String(error)}`));
  }
  const sweep = { net, process, store: mysql };
  startSweeper({ ...sweep, table: db.due, handle: (standby_id) => driveStandby(parts, BigInt(standby_id)) });
  startSweeper({ ...sweep, table: db.runs_due, handle: (run_id) => tellWaiting({ standbys, seats, matcher }, run_id) });
  return {
    standbys, seats, orders, clock, matcher,
    odds: { rates: async () => RATES, calibration: async () => fitCalibration([]) },
    people: { resolve: async (_account_id, passenger_ids) => ok(passenger_ids.map((passenger_id) => ({ passenger_id, verified: true, rejected: false, person: world.personOf(passenger_id), passenger_type: 'ADULT' as const }))) },
    timetable: { wish: (wanted) => asked(net.call(process, 'query.run', READ_MS, () => wishOn(world, wanted))) },
    onWaiting: (run_ids) => run_ids.forEach((run_id) => matcher.wake(run_id)),
  };
}

export type StandbyPeers = { seats: StandbySeats; orders: StandbyOrders };

function standbyPeers(world: World, process: Process): StandbyPeers {
  const { net, inventory } = world;
  const call = <T>(label: string, ms: number, effect: () => Result<T>): Promise<Result<T>> => asked(net.call(process, `inventory.${label}`, ms, effect));
  return {
    seats: {
      free: (run_id) => call('standbySeats', READ_MS, () => {
        const length = inventory.runs.get(run_id)?.segments ?? 0;
        const counts = new Map(Array.from({ length }, (_, from) => Array.from({ length: length - from }, (__, size) => [`${from} ${from + size + 1}`, inventory.count(run_id, from, from + size + 1, true)] as const)).flat());
        return ok({ places: (_class: string, from: number, to: number) => counts.get(`${from} ${to}`) ?? 0, version: inventory.kept.version(run_id) });
      }),
      onSale: ({ run_id, from_index, to_index }) => call('remaining', READ_MS, () => ok(new Map([[SEAT_CLASS as string, inventory.count(run_id, from_index, to_index, false)]]))),
      async claim(wanted, ttl_ms) {
        const claims = wanted.map(({ standby, wish: { run_id, from_index, to_index, seat_classes } }) => ({ wish: originOf(standby.standby_id), hold_id: matchHoldId(standby), run_id, from_index, to_index, ttl_ms, passengers: standby.travellers.map((_, index) => ({ item_no: index + 1, seat_classes: seat_classes as 'SECOND'[] })) }));
        const answer = await call('claimStandby', WRITE_MS, () => ok(inventory.claim(claims)));
        return answer.ok ? answer.value : wanted.map(() => answer);
      },
      release: (standby, { run_id }) => call('release', WRITE_MS, () => inventory.release(matchHoldId(standby), run_id)),
      tell: (run_id, waiting, version) => call('tellStandby', WRITE_MS, () => {
        inventory.kept.tell(run_id, waiting, version);
        return ok(undefined);
      }),
    },
    orders: {
      create: async (standby, wish) => mapResult(await world.rpc(process, 'order', 'createHeld', WRITE_MS, ({ ports }) => createHeldOrder(ports, heldOrderOf(standby, wish), ACTOR)), ({ order_id }) => order_id),
      state: async (order_id) => mapResult(await world.rpc(process, 'order', 'state', READ_MS, ({ ports }) => getOrder(ports, order_id, ACTOR)), matchedOrder),
      cancel: () => Promise.reject(new Error('travellers ask order themselves here')),
    },
  };
}

function heldOrderOf(standby: Standby, { run_id, from_station_id, to_station_id, seat_classes }: Wish) {
  const { standby_id, account_id, tenant, travellers, match_no, locked_ms, create_ms } = standby;
  const request_id = formatUuid7(locked_ms ?? create_ms, createHash('sha256').update(`standby ${standby_id} ${match_no}`).digest());
  const passengers = travellers.map(({ passenger_id, passenger_type }) => ({ passenger_id, passenger_type, seat_classes: seat_classes as 'SECOND'[] }));
  return { request_id, account_id: String(account_id), tenant, channel: 'WEB' as const, hold_id: matchHoldId(standby), run_id, from_station_id, to_station_id, passengers, origin: originOf(standby_id) };
}

/** What an order comes of, in its timeline. */
export function originOf(standby_id: bigint): string {
  return `standby ${standby_id}`;
}

const TICKETED: ReadonlySet<string> = new Set(['SUCCESS', 'REFUND', 'CHANGE']);

function matchedOrder({ state, close_reason }: Order): MatchedOrder {
  if (state === 'CLOSED') return { failed: close_reason === 'EXPIRED' ? 'ORDER_NOT_PAYABLE' : (close_reason ?? 'ORDER_STATE_WRONG') };
  if (TICKETED.has(state)) return 'TICKETED';
  return state === 'WAIT_PAY' || state === 'CLOSING' ? 'WAITING' : 'PAID';
}

function wishOn({ timetable }: World, wanted: Parameters<StandbyTimetable['wish']>[0]): Result<Wish> {
  const run = timetable.run(wanted.run_id);
  if (!run.ok) return run;
  return mapResult(journeyOn(run.value, wanted.from_station_id, wanted.to_station_id), ({ from_index, to_index, departure_ms, arrival_ms }) => ({ ...wanted, from_index, to_index, departure_ms, arrival_ms }));
}

/** What rpc/standbys.ts does when a traveller gives up; `cancelOrder`: his order is cancelled, too. */
export async function giveUpStandby({ standbys, orders }: StandbyNode, standby: Standby, cancelOrder: (order_id: string) => Promise<Result<unknown>>, actor: Actor): Promise<Result<Standby>> {
  if (standby.state === 'FAIL') return ok(standby);
  if (standby.state === 'SUCCESS') return fail('STANDBY_NOT_CANCELLABLE');
  if (standby.state === 'PENDING') {
    const ended = await standbys.end(standby, 'FAIL', 'CANCELLED', actor);
    return ended.state === 'FAIL' ? ok(ended) : fail('CONFLICT', { retry_after_ms: 500 });
  }
  if (standby.state !== 'AWAIT_PAY') return fail('CONFLICT', { retry_after_ms: 500 });
  const cancelled = await cancelOrder(standby.order_id);
  if (!cancelled.ok) return cancelled.error.reason === 'ORDER_NOT_CANCELLABLE' ? fail('STANDBY_NOT_CANCELLABLE') : cancelled;
  const state = await orders.state(standby.order_id);
  return ok(state.ok && typeof state.value === 'object' ? await standbys.end(standby, 'FAIL', 'CANCELLED', actor) : standby);
}

/** The oracle sees whom a matcher chose, by what it had read of the queue, and who ended without an order. */
function judged({ oracle, scheduler }: World, store: StandbyStore): StandbyStore {
  const read_ms = new Map<string, number>();
  return {
    ...store,
    async heads(run_id) {
      read_ms.set(run_id, scheduler.now_ms());
      return store.heads(run_id);
    },
    async claim(wanted: readonly WaitingHead[]) {
      const claimed = await store.claim(wanted);
      const [first] = claimed;
      if (first !== undefined) oracle.matched(claimed, read_ms.get(first.wishes[first.wish_no!]!.run_id) ?? -Infinity);
      return claimed;
    },
    async end(standby, to, reason, actor) {
      const ended = await store.end(standby, to, reason, actor);
      oracle.waitedInVain(standby, ended);
      return ended;
    },
  };
}
