/** Judges a seed by the promises of the design: what must hold at every moment, and what must hold once all is quiet. */
import type { Standby } from '../../services/aftersales/domain/standby.ts';
import type { Issue } from '../../services/ticketing/domain/ticket.ts';
import type { QueueEntry } from '../../services/order/domain/entry.ts';
import type { Order } from '../../services/order/domain/order.ts';
import type { StatementDifference } from '../../services/payment/app/reconcile.ts';
import { mayFollow } from '../../services/order/domain/state.ts';
import { changeFees, changeOutcomes, judgeChanges, judgeTickets } from './oracle_changes.ts';
import { judgeGivenUp, judgeMatch, judgeStandbys, standbyOutcomes } from './oracle_standby.ts';
import { isLive } from './outside/inventory.ts';
import { KEPT_AT_MOST_MS } from './outside/kept_seats.ts';
import type { Trade } from './outside/gateway.ts';
import type { World } from './world.ts';

const VIOLATIONS_MAX = 20;

export class Oracle {
  readonly violations: string[] = [];
  readonly #world: World;
  /** Entries whose owners were told that they wait, and when. */
  readonly #told = new Map<string, number>();

  readonly #entered = new Map<string, number>();

  readonly #forced = new Set<string>();

  readonly #promised = new Map<bigint, number>();

  constructor(world: World) {
    this.#world = world;
  }

  fault(text: string): void {
    this.#world.scheduler.note('oracle', `⚠ ${text}`);
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }

  /** The traveller of this token was told that the entry waits. */
  waits(token: string): void {
    const { entry_id } = JSON.parse(token) as { entry_id: string };
    this.#told.set(entry_id, this.#world.scheduler.now_ms());
  }

  /** The gateway had been silent for so long that the order's payments are closed without it. */
  forced(order_id: string): void {
    this.#forced.add(order_id);
  }

  /** The row of this entry is written now. */
  entered(entry_id: string): void {
    if (!this.#entered.has(entry_id)) this.#entered.set(entry_id, this.#world.scheduler.now_ms());
  }

  /** Nobody overtakes within a priority, and nobody moves the queue without its lease. */
  dequeued(started: readonly QueueEntry[], waiting: readonly QueueEntry[], fenced: boolean): void {
    if (fenced) this.fault('entries left the queue by the word of an owner whose lease was over');
    const gone = new Set(started.map(({ entry_id }) => entry_id));
    for (const entry of started) {
      const overtaken = waiting.find((other) => other.run_id === entry.run_id && !gone.has(other.entry_id) && other.priority <= entry.priority && other.sequence < entry.sequence && (this.#told.get(other.entry_id) ?? Infinity) <= this.#entered.get(entry.entry_id)!);
      if (overtaken !== undefined) this.fault(`entry ${entry.entry_id} overtook ${overtaken.entry_id}, which had waited longer`);
    }
  }

  /** Whoever acknowledges money has it in its book. */
  acknowledged(trade: Trade): void {
    if (this.#world.payment_db.payments.get(BigInt(trade.trade_id))?.state !== 'SUCCEEDED') this.fault(`the callback of trade ${trade.trade_id} was acknowledged without its effect`);
  }

  /** A ticket counts for places that are sold to its order. */
  issued(issue: Issue): void {
    const sold = [...this.#world.inventory.holds.values()].filter(({ state, order_id }) => state === 'SOLD' && order_id === String(issue.order_id));
    for (const { seat_parts, ticket_id } of issue.tickets) {
      if (!sold.some(({ places }) => places.some(({ part }) => part.seat.seat_no === seat_parts[0]?.seat.seat_no))) this.fault(`ticket ${ticket_id} was issued for a place that is not sold`);
    }
  }

  /** The traveller was told that a change costs so much. */
  promised(change_id: bigint, difference_fen: number): void {
    this.#promised.set(change_id, difference_fen);
  }

  /** Something was written of this order, its tickets or its items. */
  written(order_id: string): void {
    for (const text of judgeTickets(this.#world, order_id)) this.fault(text);
  }

  /** A matcher has chosen whom it serves; `read_ms`: when it had looked who waits. */
  matched(standbys: readonly Standby[], read_ms: number): void {
    for (const standby of standbys) for (const text of judgeMatch(this.#world, standby, { together: standbys, read_ms })) this.fault(text);
  }

  /** A standby has ended; `before`: as whoever ended it knew it. */
  waitedInVain(before: Standby, ended: Standby): void {
    for (const text of judgeGivenUp(this.#world, before, ended)) this.fault(text);
  }

  /** No seat is idle longer than it may be kept. */
  looksAtKept(): void {
    const { kept } = this.#world.inventory;
    if (kept.longest_ms() > KEPT_AT_MOST_MS) this.fault(`a seat is kept for ${Math.round(kept.longest_ms())} ms`);
  }

  judge(differences: readonly StatementDifference[]): void {
    for (const { kind, payment_id, refund_id, explanation } of differences) this.fault(`the statement differs: ${kind} payment ${payment_id} refund ${refund_id}: ${explanation}`);
    for (const order of this.#world.order_db.orders.values()) {
      this.#history(order);
      this.#outcome(order);
      this.#gatewayAsked(order);
    }
    this.#entries();
    this.#places();
    this.#tickets();
    this.#money();
    for (const text of judgeChanges(this.#world, this.#promised)) this.fault(text);
    for (const text of judgeStandbys(this.#world, this.#world.calm_from_ms)) this.fault(text);
    this.violations.push(...this.#world.inventory.violations);
  }

  /** For the table of a run: how orders ended. */
  outcomes(): Record<string, number> {
    const ends = [...this.#world.order_db.orders.values()].map(({ state, close_reason }) => (state === 'CLOSED' ? `CLOSED ${close_reason}` : state));
    const changes = changeOutcomes(this.#world);
    const failed = [...this.#world.order_db.entries.values()].filter(({ state }) => state !== 'ORDERED').map(({ state, reason }) => `entry ${state} ${reason ?? ''}`.trim());
    return Object.fromEntries([...Map.groupBy([...ends, ...failed, ...changes, ...standbyOutcomes(this.#world)], (end) => end)].map(([end, all]) => [end, all.length]));
  }

  /** Each item moves only where the machine allows, and its version by one. */
  #history({ order_id, version, items }: Order): void {
    const rows = this.#world.order_db.timeline.get(order_id)!;
    for (const item of items) {
      let [state, at] = [undefined as string | undefined, 0];
      for (const row of rows.filter(({ item_no }) => item_no === item.item_no)) {
        if (row.from !== (state ?? row.from) || row.version !== at + 1) this.fault(`item ${order_id}-${item.item_no} jumped from ${state} version ${at} to ${row.to} version ${row.version} (${row.cause})`);
        if (row.from !== undefined && row.from !== row.to && !mayFollow(row.from, row.to)) this.fault(`item ${order_id}-${item.item_no} went from ${row.from} to ${row.to}`);
        [state, at] = [row.to, row.version];
      }
      if (state !== item.state || at !== item.version) this.fault(`item ${order_id}-${item.item_no} is ${item.state} version ${item.version}, its history says ${state} version ${at}`);
    }
    if (version < 1) this.fault(`order ${order_id} has version ${version}`);
  }

  /** Every order ends: ticketed or closed, and what was paid for a closed item is back. */
  #outcome(order: Order): void {
    const { order_id, state, todo, items } = order;
    if (state !== 'SUCCESS' && state !== 'CLOSED') return this.fault(`order ${order_id} is still ${state}`);
    if (todo.length > 0) this.fault(`order ${order_id} still owes ${todo.join(', ')}`);
    const tickets = [...this.#world.ticket_db.tickets.values()].filter((ticket) => String(ticket.order_id) === order_id);
    for (const item of items) {
      const valid = tickets.filter((ticket) => ticket.item_id === `${order_id}-${item.item_no}` && (ticket.state === 'VALID' || ticket.state === 'USED'));
      if (valid.length !== (item.state === 'SUCCESS' ? 1 : 0)) this.fault(`item ${order_id}-${item.item_no} is ${item.state} with ${valid.length} valid tickets`);
      if (item.state === 'SUCCESS' && String(valid[0]?.ticket_id) !== item.ticket_id) this.fault(`item ${order_id}-${item.item_no} names another ticket than counts`);
    }
    this.#paid(order);
  }

  /** The money that stays is the price of what is ticketed, less what was given back of it, and the fees that were agreed. */
  #paid({ order_id, items }: Order): void {
    const { payments, refunds } = this.#world.payment_db;
    const mine = [...payments.values()].filter((payment) => String(payment.order_id) === order_id && payment.state === 'SUCCEEDED');
    const back = [...refunds.values()].filter((refund) => String(refund.order_id) === order_id);
    const kept = mine.reduce((sum, payment) => sum + payment.amount_fen, 0) - back.reduce((sum, refund) => sum + refund.amount_fen, 0);
    const ticketed = items.filter(({ state }) => state === 'SUCCESS').reduce((sum, item) => sum + item.fare_fen - item.refunded_fen, 0);
    const fees = items.filter(({ state, close_reason }) => state === 'CLOSED' && close_reason === 'REFUNDED').reduce((sum, item) => sum + item.fare_fen - item.refunded_fen, 0);
    const worth = ticketed + fees + changeFees(this.#world, order_id);
    if (kept !== worth) this.fault(`order ${order_id} kept ${kept} fen; its tickets and fees are worth ${worth}`);
  }

  /**
   * What was paid before an order and its payment closed was asked for, unless the gateway was silent for as long as the rule
   * says. A trade whose opening arrives after its payment was closed is money that comes too late.
   */
  #gatewayAsked({ order_id, state, close_reason }: Order): void {
    if (state !== 'CLOSED' || (close_reason !== 'CANCELLED' && close_reason !== 'EXPIRED')) return;
    const { order_db, payment_db, gateway } = this.#world;
    const closed_ms = order_db.closed_ms.get(order_id);
    if (closed_ms === undefined || this.#forced.has(order_id)) return;
    for (const payment of payment_db.payments.values()) {
      const trade = gateway.trades.get(String(payment.payment_id));
      if (String(payment.order_id) === order_id && trade?.pay_time_ms !== undefined && trade.pay_time_ms < Math.floor(Math.min(closed_ms, payment_db.closed_ms.get(payment.payment_id) ?? Infinity))) this.fault(`order ${order_id} was closed although trade ${trade.trade_id} had been paid`);
    }
  }

  /** No entry is stuck and no time of a person is taken for nothing. */
  #entries(): void {
    const { order_db } = this.#world;
    for (const { entry_id, state, order_id } of order_db.entries.values()) {
      if (state === 'WAITING' || state === 'PROCESSING') this.fault(`entry ${entry_id} is still ${state}`);
      if (state === 'ORDERED' && (order_id === undefined || !order_db.orders.has(order_id))) this.fault(`entry ${entry_id} is ORDERED without an order`);
    }
    for (const { entry_id, item_no } of order_db.claims) {
      const order = order_db.orders.get(order_db.orders_of_entry.get(entry_id) ?? '');
      if (order?.items.find((item) => item.item_no === item_no)?.state !== 'SUCCESS') this.fault(`a claim of entry ${entry_id} was not freed`);
    }
    for (const late of order_db.late_payments.values()) if (!late.done) this.fault(`late payment ${late.payment_id} was never settled`);
  }

  /** A place on a stretch has one holder, each holder has a ticket, and nothing is held for nobody. */
  #places(): void {
    const { inventory, order_db } = this.#world;
    const live = [...inventory.holds.values()].filter(isLive).flatMap((row) => row.places.map((place) => ({ row, ...place })));
    for (const [index, one] of live.entries()) {
      const order = order_db.orders.get(one.row.order_id);
      const item = order?.items.find(({ item_no }) => item_no === one.item_no);
      if (one.row.state !== 'SOLD' || item?.state !== 'SUCCESS' || item.hold_id !== one.row.hold_id) this.fault(`place ${one.part.seat.seat_no} of hold ${one.row.hold_id} (${one.row.state}) is kept for ${item === undefined ? 'nobody' : `an item that is ${item.state}`}`);
      const other = live.slice(index + 1).find(({ row, part }) => row.run_id === one.row.run_id && part.seat.seat_no === one.part.seat.seat_no && part.from_index < one.part.to_index && one.part.from_index < part.to_index);
      if (other !== undefined) this.fault(`place ${one.part.seat.seat_no} has two holders: ${one.row.hold_id} and ${other.row.hold_id}`);
    }
    for (const order of order_db.orders.values()) {
      for (const item of order.items.filter(({ state }) => state === 'SUCCESS')) {
        if (!live.some(({ row, item_no, part }) => row.hold_id === item.hold_id && item_no === item.item_no && part.seat.seat_no === item.seat.seat_no && row.state === 'SOLD')) this.fault(`item ${order.order_id}-${item.item_no} has a ticket but no sold place`);
      }
    }
  }

  /** The railway's register says what our tickets say. */
  #tickets(): void {
    const { ticket_db, railway } = this.#world;
    for (const { ticket_id, item_id, version, state, railway_state } of ticket_db.tickets.values()) {
      const there = railway.registrations.get(`${item_id}-v${version}`)?.state;
      const counts = state === 'VALID' || state === 'USED';
      if (counts !== (there === 'REGISTERED')) this.fault(`ticket ${ticket_id} is ${state} (${railway_state}), the railway has it as ${there ?? 'unknown'}`);
    }
    for (const { issue_id, state } of ticket_db.issues.values()) if (state !== 'ISSUED' && state !== 'FAILED') this.fault(`issue ${issue_id} is still ${state}`);
  }

  /** Payments and refunds are what the gateway's book has, to the fen; nothing goes back that did not come. */
  #money(): void {
    const { payment_db, gateway, takings, aftersales_db } = this.#world;
    let taken_fen = 0;
    for (const payment of payment_db.payments.values()) {
      const trade = gateway.trades.get(String(payment.payment_id));
      if ((payment.state === 'SUCCEEDED') !== (trade?.state === 'PAID')) this.fault(`payment ${payment.payment_id} is ${payment.state}, the gateway has it as ${trade?.state ?? 'unknown'}`);
      if (payment.state === 'CREATED' || payment.state === 'PENDING') this.fault(`payment ${payment.payment_id} is still ${payment.state}`);
      const refunds = [...payment_db.refunds.values()].filter((refund) => refund.payment_id === payment.payment_id);
      const back_fen = refunds.reduce((sum, refund) => sum + refund.amount_fen, 0);
      if (back_fen !== payment.refunded_fen || back_fen > payment.amount_fen) this.fault(`payment ${payment.payment_id} of ${payment.amount_fen} fen returned ${back_fen}, its row says ${payment.refunded_fen}`);
      if (trade !== undefined && trade.refunded_fen !== back_fen) this.fault(`payment ${payment.payment_id} returned ${back_fen} fen, the gateway ${trade.refunded_fen}`);
      if (payment.state === 'SUCCEEDED' && payment.kind === 'PURCHASE') taken_fen += payment.amount_fen;
    }
    for (const { refund_id, state } of payment_db.refunds.values()) if (state !== 'SUCCEEDED') this.fault(`refund ${refund_id} is still ${state}`);
    for (const { refund_id, stage } of aftersales_db.refunds.values()) if (stage !== 'DONE' && stage !== 'REFUSED') this.fault(`aftersales' refund ${refund_id} is still ${stage}`);
    if (takings !== taken_fen) this.fault(`events told of ${takings} fen, ${taken_fen} came`);
  }
}
