/** Aftersales' ChangeStore in memory. */
import { equalBytes } from '#kit/base/bytes.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { ChangeStore } from '../../../services/aftersales/app/change_ports.ts';
import type { Change, ChangeStage } from '../../../services/aftersales/domain/change.ts';
import type { AftersalesDb, AftersalesStoreOptions } from './aftersales_store.ts';
import { frozen } from './frozen.ts';

const FINAL: ReadonlySet<ChangeStage> = new Set(['DONE', 'CANCELLED', 'REFUSED']);

export function memoryChangeStore(db: AftersalesDb, { now_ms, nextId, step_ms }: AftersalesStoreOptions): ChangeStore {
  const put = (change: Change, wait_ms: number | undefined): Change => {
    db.changes.set(change.change_id, frozen(change));
    db.changes_due.set(String(change.change_id), wait_ms === undefined ? undefined : db.now_ms() + wait_ms, 0);
    return change;
  };
  const known = (requester: string, request_id: string, body_hash: Uint8Array): Result<Change | undefined> => {
    const made = db.change_requests.get(`${requester}/${request_id}`);
    if (made === undefined) return ok(undefined);
    return equalBytes(made.body_hash, body_hash) ? ok(db.changes.get(made.change_id)) : fail('REQUEST_ID_REUSED');
  };
  return {
    async ofRequest(requester, request_id, body_hash) {
      const made = known(requester, request_id, body_hash);
      if (!made.ok || made.value !== undefined) return made;
      const checked = checkRequestId(request_id, now_ms());
      return checked.ok ? ok(undefined) : checked;
    },
    async create({ request_id, body_hash, order_id, account_id, body }, actor) {
      const made = known(actor.account_id, request_id, body_hash);
      if (!made.ok) return made;
      if (made.value !== undefined) return ok(made.value);
      const change_id = nextId(geneOf(BigInt(order_id)));
      db.change_requests.set(`${actor.account_id}/${request_id}`, { change_id, body_hash });
      const blank = { stage: 'BEGUN' as const, payment_id: '', pay_expire_ms: undefined, reason: '', version: 1, create_ms: now_ms(), finish_ms: undefined };
      return ok(put({ ...body, ...blank, change_id, order_id: BigInt(order_id), account_id: BigInt(account_id) }, step_ms));
    },
    async find(change_id) {
      return db.changes.get(change_id);
    },
    async ofOrder(order_id) {
      return [...db.changes.values()].filter((change) => change.order_id === order_id).toSorted((a, b) => (a.change_id < b.change_id ? -1 : 1));
    },
    async move(change_id, from, to, { body, payment_id, pay_expire_ms, reason, wait_ms = step_ms } = {}) {
      const before = db.changes.get(change_id);
      if (before === undefined) throw new Error(`change ${change_id} is not there`);
      if (before.stage !== from) return before;
      const final = FINAL.has(to);
      const patch = { payment_id: payment_id ?? before.payment_id, pay_expire_ms: pay_expire_ms ?? before.pay_expire_ms, reason: reason?.slice(0, 64) ?? before.reason };
      return put({ ...before, ...body, ...patch, stage: to, version: before.version + 1, finish_ms: final ? now_ms() : undefined }, final ? undefined : wait_ms);
    },
  };
}

/** What an event tells of the payment of a difference; true when a change waits for it, which is looked at at once. */
export function noteDifference(db: AftersalesDb, payment_id: string): boolean {
  const waiting = [...db.changes.values()].filter((change) => change.payment_id === payment_id && change.stage === 'AWAIT_PAY');
  for (const { change_id } of waiting) db.changes_due.set(String(change_id), db.now_ms(), 0);
  return waiting.length > 0;
}
