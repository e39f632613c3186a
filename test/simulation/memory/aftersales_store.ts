/** Aftersales' RefundStore in memory. */
import { equalBytes } from '#kit/base/bytes.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { RefundStore } from '../../../services/aftersales/app/ports.ts';
import type { Change } from '../../../services/aftersales/domain/change.ts';
import { moneyIdOf, moneyPartsOf, type Refund } from '../../../services/aftersales/domain/refund.ts';
import { DueTable } from '../sweeper.ts';
import { Inbox } from './bus.ts';
import { frozen } from './frozen.ts';
import { StandbyDb } from './standby_db.ts';

type Money = { refund_id: bigint; money_id: string; returned_fen: number; arrived: boolean };

export class AftersalesDb {
  readonly now_ms: () => number;
  readonly refunds = new Map<bigint, Refund>();
  readonly due = new DueTable();
  readonly requests = new Map<string, { refund_id: bigint; body_hash: Uint8Array }>();
  /** By item and version: refunded by one refund at most. Further ways of its money stand behind it. */
  readonly items = new Map<string, Money>();
  readonly changes = new Map<bigint, Change>();
  readonly changes_due = new DueTable();
  readonly change_requests = new Map<string, { change_id: bigint; body_hash: Uint8Array }>();
  readonly inbox = new Inbox();
  readonly standby: StandbyDb;

  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
    this.standby = new StandbyDb(now_ms);
  }

  moneyArrived(money_id: string): void {
    for (const item of this.items.values()) if (item.money_id === money_id) item.arrived = true;
  }

  /** What an event tells of a payment's refund; true when it is one of ours, which is looked at at once. */
  noteMoney(money_id: string, arrived: boolean): boolean {
    if (arrived) this.moneyArrived(money_id);
    const ours = [...this.items.values()].filter((item) => item.money_id === money_id).map(({ refund_id }) => this.refunds.get(refund_id)!);
    const waiting = ours.filter(({ stage }) => stage === 'MONEY_SENT' || stage === 'MANUAL');
    for (const { refund_id } of waiting) this.due.set(String(refund_id), this.now_ms(), 0);
    return waiting.length > 0;
  }
}

export type AftersalesStoreOptions = { now_ms(): number; nextId(gene: number): bigint; step_ms: number };

export function memoryAftersalesStore(db: AftersalesDb, { now_ms, nextId, step_ms }: AftersalesStoreOptions): RefundStore {
  const ofRequest = (requester: string, request_id: string, body_hash: Uint8Array): Result<Refund | undefined> => {
    const known = db.requests.get(`${requester}/${request_id}`);
    if (known !== undefined) return equalBytes(known.body_hash, body_hash) ? ok(db.refunds.get(known.refund_id)) : fail('REQUEST_ID_REUSED');
    const checked = checkRequestId(request_id, now_ms());
    return checked.ok ? ok(undefined) : checked;
  };
  const to = (refund_id: bigint, from: Refund['stage'], stage: Refund['stage'], reason: string | undefined, wait_ms: number): Refund => {
    const refund = db.refunds.get(refund_id);
    if (refund === undefined) throw new Error(`refund ${refund_id} is not there`);
    if (refund.stage !== from) return refund;
    const final = stage === 'DONE' || stage === 'REFUSED';
    return put(db, { ...refund, stage, reason: reason?.slice(0, 200) ?? refund.reason, finish_time_ms: final ? now_ms() : undefined }, final ? undefined : db.now_ms() + wait_ms);
  };
  return {
    async ofRequest(requester, request_id, body_hash) {
      return ofRequest(requester, request_id, body_hash);
    },
    async create({ request_id, body_hash, order, quote, cause, reason, job_id }, actor) {
      const requester = job_id === undefined ? actor.account_id : `job-${job_id}`;
      const known = ofRequest(requester, request_id, body_hash);
      if (!known.ok) return known;
      if (known.value !== undefined) return ok(known.value);
      if (quote.items.some((item) => db.items.has(itemKey(item)))) return fail('ITEM_NOT_REFUNDABLE', { detail: 'a refund of an item is under way' });
      const order_id = BigInt(order.order_id);
      const refund_id = nextId(geneOf(order_id));
      for (const item of quote.items) {
        db.items.set(itemKey(item), { refund_id, money_id: moneyIdOf(item), returned_fen: 0, arrived: false });
        for (const { money_id, amount_fen } of moneyPartsOf(item, order.payment_id)) db.items.set(money_id === moneyIdOf(item) ? itemKey(item) : money_id, { refund_id, money_id, returned_fen: amount_fen, arrived: false });
      }
      db.requests.set(`${requester}/${request_id}`, { refund_id, body_hash });
      const { payment_id } = order;
      return ok(put(db, { refund_id, order_id, account_id: BigInt(order.account_id), payment_id, stage: 'BEGUN', items: quote.items, rule_version: quote.rule_version, cause, job_id, reason, create_time_ms: now_ms(), finish_time_ms: undefined }, db.now_ms() + step_ms));
    },
    async find(refund_id) {
      return db.refunds.get(refund_id);
    },
    async ofOrder(order_id) {
      return [...db.refunds.values()].filter((refund) => refund.order_id === order_id).toSorted((a, b) => (a.refund_id < b.refund_id ? -1 : 1));
    },
    async move(refund_id, from, stage, { reason, wait_ms = step_ms } = {}) {
      return to(refund_id, from, stage, reason, wait_ms);
    },
    async refuse(refund_id, from, reason) {
      const before = db.refunds.get(refund_id)?.stage;
      const refund = to(refund_id, from, 'REFUSED', reason, 0);
      if (before === from) for (const [key, item] of db.items) if (item.refund_id === refund_id) db.items.delete(key);
      return refund;
    },
    async moneyArrived(money_id) {
      db.moneyArrived(money_id);
    },
    async awaited(refund_id) {
      return [...db.items.values()].filter((item) => item.refund_id === refund_id && item.returned_fen > 0 && !item.arrived).map(({ money_id }) => money_id);
    },
  };
}

function put(db: AftersalesDb, refund: Refund, next_ms: number | undefined): Refund {
  db.refunds.set(refund.refund_id, frozen(refund));
  db.due.set(String(refund.refund_id), next_ms, 0);
  return refund;
}

function itemKey({ item_id, version }: { item_id: string; version: bigint }): string {
  return `${item_id}/${version}`;
}
