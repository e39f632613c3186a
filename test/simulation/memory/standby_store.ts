/** Aftersales' StandbyStore in memory, for standbys that become orders; each method is what the SQL does in one transaction. */
import { equalBytes } from '#kit/base/bytes.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { NewStandby, StandbyActor, StandbyStore } from '../../../services/aftersales/app/standby_ports.ts';
import { SERVED_AT_ONCE } from '../../../services/aftersales/domain/standby_matching.ts';
import { rankOf, WAITED_LONG_MS } from '../../../services/aftersales/domain/standby_priority.ts';
import { isOver, mayFollow, type Standby, type StandbyState } from '../../../services/aftersales/domain/standby.ts';
import { frozen } from './frozen.ts';
import { standbyQueueReads } from './standby_queue.ts';
import type { StandbyDb } from './standby_db.ts';

export type StandbyStoreOptions = { now_ms(): number; nextId(gene: number): bigint };

const OPEN_MAX = 20;
const MATCHING_MS = 3000;
const LOCKED_MS = 3000;
const FIRST_ASK_MS = 3000;
const PUT_OFF_MS = 300_000;

/** `wait_ms`: when it is looked at next; undefined for never. */
type Patch = Partial<Pick<Standby, 'wish_no' | 'locked_ms' | 'order_id' | 'match_after_ms' | 'reason' | 'priority'>> & { state?: StandbyState; wait_ms: number | undefined };

/** `now_ms`: the clock of the process, as the SQL store takes times of rows from it; what is due goes by the database's. */
export function memoryStandbyStore(db: StandbyDb, { now_ms, nextId }: StandbyStoreOptions): StandbyStore {
  const put = (standby: Standby, wait_ms: number | undefined): Standby => {
    db.rows.set(standby.standby_id, frozen(standby));
    db.due.set(String(standby.standby_id), wait_ms === undefined ? undefined : db.now_ms() + wait_ms, 0);
    if (isOver(standby.state)) db.ended_ms.set(standby.standby_id, db.now_ms());
    return standby;
  };
  const move = (before: Standby, to: StandbyState, patch: Patch, more?: () => Patch | void): Standby => {
    if (before.state !== to && !mayFollow(before.state, to)) throw new Error(`a standby that is ${before.state} can't become ${to}`);
    const now = db.rows.get(before.standby_id)!;
    if (now.state !== before.state || now.version !== before.version) return now;
    const { wait_ms, state = to, ...changed } = more?.() ?? patch;
    return put({ ...now, ...changed, state, version: now.version + 1n }, wait_ms);
  };
  const known = (account_id: string, request_id: string, body_hash: Uint8Array): Result<Standby | undefined> => {
    const made = db.requests.get(`${account_id}/${request_id}`);
    if (made === undefined) return ok(undefined);
    return equalBytes(made.body_hash, body_hash) ? ok(db.rows.get(made.standby_id)) : fail('REQUEST_ID_REUSED');
  };
  return {
    ...standbyQueueReads(db),
    async ofRequest(account_id, request_id, body_hash) {
      const made = known(account_id, request_id, body_hash);
      if (!made.ok || made.value !== undefined) return made;
      const checked = checkRequestId(request_id, now_ms());
      return checked.ok ? ok(undefined) : checked;
    },
    async create(wanted, actor) {
      const made = known(actor.account_id, wanted.request_id, wanted.body_hash);
      if (!made.ok) return made;
      if (made.value !== undefined) return ok(made.value);
      const standby = newStandby(db, wanted, actor, { standby_id: nextId(geneOf(BigInt(actor.account_id))), now_ms: now_ms() });
      if (!standby.ok) return standby;
      put(standby.value, nextLook(standby.value, now_ms()));
      if (standby.value.match_after_ms === undefined) db.enter(standby.value);
      return standby;
    },
    async find(standby_id) {
      return db.rows.get(standby_id);
    },
    async list(account_id, before, limit, upgrade_of) {
      const mine = [...db.rows.values()].filter(
        (standby) => standby.account_id === account_id && (before === undefined || standby.standby_id < before) && (upgrade_of === undefined || standby.upgrade?.order_id === upgrade_of),
      );
      return mine.toSorted((left, right) => (left.standby_id > right.standby_id ? -1 : 1)).slice(0, limit);
    },
    async claim(wanted) {
      const isFree = (standby: Standby | undefined): boolean => standby?.state === 'PENDING' && standby.deadline_ms > now_ms();
      const first_busy = wanted.findIndex(({ standby_id }) => !isFree(db.rows.get(standby_id)));
      return wanted.slice(0, first_busy < 0 ? wanted.length : first_busy).map(({ standby_id, wish_no }) => {
        const standby = db.rows.get(standby_id)!;
        return put({ ...standby, state: 'MATCHING', version: standby.version + 1n, match_no: standby.match_no + 1, wish_no }, MATCHING_MS);
      });
    },
    async undecided(run_id) {
      const isDue = (standby_id: bigint): boolean => (db.due.get(String(standby_id))?.next_ms ?? Infinity) <= db.now_ms() + PUT_OFF_MS;
      const there = [...db.rows.values()].filter(({ state, standby_id, wishes, wish_no }) => state === 'MATCHING' && wishes[wish_no ?? -1]?.run_id === run_id && isDue(standby_id));
      return there.toSorted((left, right) => rankOf(left.priority, left.sequence) - rankOf(right.priority, right.sequence)).slice(0, SERVED_AT_ONCE);
    },
    putBack: async (standby, forget) =>
      move(standby, 'PENDING', { wish_no: undefined, wait_ms: nextLook(standby, now_ms()) }, () => {
        if (forget === undefined || db.leave(standby.standby_id, standby.wish_no) > 0) return;
        db.forgetClaims(standby.standby_id);
        return { state: 'FAIL', reason: forget, wish_no: undefined, wait_ms: undefined };
      }),
    lock: async (standbys) => standbys.map((standby) => move(standby, 'LOCKED', { locked_ms: now_ms(), wait_ms: LOCKED_MS }, () => void db.leave(standby.standby_id))),
    requeue: async (standby) => move(standby, 'PENDING', { wish_no: undefined, locked_ms: undefined, wait_ms: nextLook(standby, now_ms()) }, () => db.enter(standby)),
    awaitPay: async (standby, order_id) => move(standby, 'AWAIT_PAY', { order_id, wait_ms: FIRST_ASK_MS }),
    end: async (standby, to, reason) =>
      move(standby, to, { reason, wait_ms: undefined }, () => {
        db.leave(standby.standby_id);
        db.forgetClaims(standby.standby_id);
      }),
    wake: async (standby) => move(standby, 'PENDING', { match_after_ms: undefined, wait_ms: nextLook({ ...standby, match_after_ms: undefined }, now_ms()) }, () => db.enter(standby)),
    age: async (standby, priority) => move(standby, 'PENDING', { priority, wait_ms: nextLook(standby, now_ms()) }, () => db.rank(standby.standby_id, rankOf(priority, standby.sequence))),
  };
}

/** The deadline, or the moment at which it may be matched, or has waited long. */
function nextLook({ create_ms, deadline_ms, match_after_ms }: Standby, now_ms: number): number {
  if (match_after_ms !== undefined) return Math.max(0, Math.min(match_after_ms, deadline_ms) - now_ms);
  const ages_ms = create_ms + WAITED_LONG_MS;
  return Math.max(0, (ages_ms > now_ms ? Math.min(ages_ms, deadline_ms) : deadline_ms) - now_ms);
}

function newStandby(db: StandbyDb, { wishes, travellers, deadline_ms, match_after_ms, priority, request_id, body_hash }: NewStandby, { account_id, tenant, channel, member_level }: StandbyActor, { standby_id, now_ms }: { standby_id: bigint; now_ms: number }): Result<Standby> {
  const open = [...db.rows.values()].filter((standby) => standby.account_id === BigInt(account_id) && !isOver(standby.state)).length;
  if (open >= OPEN_MAX) return fail('STANDBY_LIMIT', { metadata: { limit: String(OPEN_MAX) } });
  const isTaken = (person: string): boolean => db.claims.some((claim) => claim.person === person && wishes.some((wish) => claim.start_ms < wish.arrival_ms && wish.departure_ms < claim.end_ms));
  const clash = travellers.findIndex(({ person }) => isTaken(person));
  if (clash >= 0) return fail('JOURNEY_OVERLAP', { metadata: { field: `passenger_ids[${clash}]` } });
  db.claims.push(...travellers.flatMap(({ person }) => wishes.map((wish) => ({ person, standby_id, start_ms: wish.departure_ms, end_ms: wish.arrival_ms }))));
  db.requests.set(`${account_id}/${request_id}`, { standby_id, body_hash });
  db.sequence += 1;
  return ok({
    standby_id, tenant, channel, member_level, priority, wishes, travellers, deadline_ms, account_id: BigInt(account_id), state: 'PENDING', version: 1n, sequence: db.sequence,
    match_after_ms: match_after_ms !== undefined && match_after_ms > now_ms ? match_after_ms : undefined,
    create_ms: now_ms, match_no: 0, wish_no: undefined, locked_ms: undefined, order_id: '', reason: '', upgrade: undefined, change_id: undefined, told: false,
  });
}
