import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import { checkRequestId } from '#kit/store/idempotency.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';
import type { NewStandby, StandbyActor, StandbyStore } from '../app/standby_ports.ts';
import { isOver, mayFollow, type Standby, type StandbyState, type Traveller, type Wish } from '../domain/standby.ts';
import { SERVED_AT_ONCE } from '../domain/standby_matching.ts';
import { rankOf, WAITED_LONG_MS } from '../domain/standby_priority.ts';
import type { Upgrade } from '../domain/upgrade.ts';
import { record, recordAll } from './record.ts';
import { noteNews } from './standby_notices.ts';
import { enterQueues, leaveQueues, moveInQueues, queueReads } from './standby_queue.ts';

export type StandbyStoreDeps = { db: Database; keys: AuditKeys; clock: Clock; nextId: (gene: number) => bigint };

type StandbyRow = {
  standby_id: bigint; sequence: bigint; account_id: bigint; tenant: string; channel: string; body_hash: Buffer; state: StandbyState; version: bigint; member_level: number; priority: number; wishes: string; travellers: string;
  deadline_at: Date; match_after: Date | null; match_no: number; wish_no: number | null; locked_at: Date | null; order_id: string; reason: string; created_at: Date; upgrade: string | null; change_id: bigint | null; told: number;
};
type Run = Pick<Tx, 'execute'>;

/** Of one account at a time: everybody behind them waits longer for each. */
const OPEN_MAX = 20;
/** A match that nobody finished is repeated after this: longer than inventory may take. */
const MATCHING_MS = 3000;
/** The longest pause of the sweeper. */
const PUT_OFF_MS = 300_000;
/** Who makes the order of matched seats has so long before the sweeper does. */
const LOCKED_MS = 3000;
const FIRST_ASK_MS = 3000;

export function openStandbyStore(deps: StandbyStoreDeps): StandbyStore {
  const { db, clock } = deps;
  const run: Run = { execute: (sql, params) => db.query(sql, params) };

  const moveAll = (...[before, to, patch, more, actor]: MoveArguments) => moveStandbys(deps, before, to, patch, more, actor);

  async function move(before: Standby, ...rest: MoveArguments extends [unknown, ...infer Rest] ? Rest : never): Promise<Standby> {
    return (await moveAll([before], ...rest))[0]!;
  }

  return {
    ...queueReads(db),
    async ofRequest(account_id, request_id, body_hash) {
      const [row] = await db.query<StandbyRow>('SELECT * FROM standby WHERE account_id = ? AND request_id = ?', [BigInt(account_id), request_id]);
      if (row !== undefined) return row.body_hash.equals(body_hash) ? ok(standbyOf(row)) : fail('REQUEST_ID_REUSED');
      const checked = checkRequestId(request_id, clock.now_ms());
      return checked.ok ? ok(undefined) : checked;
    },
    async create(wanted, actor) {
      let refused: Result<Standby> = fail('CONFLICT');
      try {
        const created = await db.transaction((tx) => insert(tx, deps, wanted, actor));
        if (created.ok) return created;
        refused = created;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      // The same request at the same time was faster, and its people are taken by it.
      const known = await this.ofRequest(actor.account_id, wanted.request_id, wanted.body_hash);
      if (!known.ok) return known;
      return known.value === undefined ? refused : ok(known.value);
    },
    find: (standby_id) => loadStandby(run, standby_id),
    async list(account_id, before, limit, upgrade_of) {
      const where = `${before === undefined ? '' : ' AND standby_id < ?'}${upgrade_of === undefined ? '' : " AND JSON_VALUE(upgrade, '$.order_id') = ?"}`;
      const rows = await db.query<StandbyRow>(`SELECT * FROM standby WHERE account_id = ?${where} ORDER BY standby_id DESC LIMIT ?`, [account_id, ...[before, upgrade_of].filter((value) => value !== undefined), limit]);
      return rows.map(standbyOf);
    },
    async claim(wanted) {
      return db.transaction(async (tx) => {
        const now = await loadAll(tx, wanted.map(({ standby_id }) => standby_id), 'FOR UPDATE');
        const first_busy = wanted.findIndex(({ standby_id }) => now.get(standby_id)?.state !== 'PENDING' || now.get(standby_id)!.deadline_ms <= clock.now_ms());
        const mine = first_busy < 0 ? wanted : wanted.slice(0, first_busy);
        if (mine.length === 0) return [];
        await tx.later(
          `UPDATE standby SET state = 'MATCHING', version = version + 1, match_no = match_no + 1, wish_no = CASE standby_id ${mine.map(() => 'WHEN ? THEN ?').join(' ')} END, attempts = 0, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE standby_id IN (?)`,
          [...mine.flatMap(({ standby_id, wish_no }) => [standby_id, wish_no]), MATCHING_MS * 1000, mine.map(({ standby_id }) => standby_id)],
        );
        return mine.map(({ standby_id, wish_no }): Standby => {
          const standby = now.get(standby_id)!;
          return { ...standby, state: 'MATCHING', version: standby.version + 1n, match_no: standby.match_no + 1, wish_no };
        });
      });
    },
    async undecided(run_id) {
      // What is MATCHING is due soon, or put off by the sweeper.
      const rows = await db.query<StandbyRow>("SELECT * FROM standby WHERE next_action_time <= UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND AND state = 'MATCHING'", [PUT_OFF_MS * 1000]);
      const there = rows.map(standbyOf).filter(({ wishes, wish_no }) => wishes[wish_no ?? -1]?.run_id === run_id);
      return there.toSorted((left, right) => rankOf(left.priority, left.sequence) - rankOf(right.priority, right.sequence)).slice(0, SERVED_AT_ONCE);
    },
    putBack: (standby, forget) =>
      move(standby, 'PENDING', { wish_no: null, wait: nextLook(standby, clock.now_ms()) }, async (tx, ids) => {
        const lost = await hasLostTickets(tx, standby);
        if (lost) await leaveQueues(tx, ids);
        else if (forget === undefined || (await leaveQueues(tx, ids, standby.wish_no)) > 0) return;
        await forgetClaims(tx, standby);
        return { state: 'FAIL', reason: lost ? 'ITEM_NOT_CHANGEABLE' : forget!, wish_no: null, wait: null };
      }),
    lock: (standbys) => moveAll(standbys, 'LOCKED', { locked_at: new Date(clock.now_ms()), wait: LOCKED_MS }, async (tx, ids) => void (await leaveQueues(tx, ids))),
    requeue: (standby) => move(standby, 'PENDING', { wish_no: null, locked_at: null, wait: nextLook(standby, clock.now_ms()) }, (tx) => enterQueues(tx, standby)),
    awaitPay: (standby, order_id) => move(standby, 'AWAIT_PAY', { order_id, wait: FIRST_ASK_MS }),
    end: (standby, to, reason, actor) =>
      move(standby, to, { reason, wait: null }, async (tx, ids) => {
        await leaveQueues(tx, ids);
        await forgetClaims(tx, standby);
      }, actor),
    wake: (standby) => move(standby, 'PENDING', { match_after: null, wait: nextLook({ ...standby, match_after_ms: undefined }, clock.now_ms()) }, (tx) => enterQueues(tx, standby)),
    age: (standby, priority) => move(standby, 'PENDING', { priority, wait: nextLook(standby, clock.now_ms()) }, (tx) => moveInQueues(tx, standby, priority)),
  };
}

/** Who gave it up knows; and once there is an order, that tells what becomes of it, but not that there is no next try. Upgrades tell by themselves. */
function isNews({ order_id, upgrade }: Standby, reason = ''): boolean {
  return upgrade === undefined && reason !== 'CANCELLED' && (order_id === '' || reason === 'ORDER_NOT_PAYABLE');
}

type MoveArguments = [before: readonly Standby[], to: StandbyState, patch: Patch, more?: (tx: Tx, standby_ids: bigint[]) => Promise<Patch | void>, actor?: Actor];

/** By compare-and-set on state and version; the standbys as they are then, in the same order, whoever moved them. `more` may give another patch. */
export async function moveStandbys(deps: StandbyStoreDeps, ...[before, to, patch, more, actor]: MoveArguments): Promise<Standby[]> {
  const { db, clock } = deps;
  for (const { state } of before) if (state !== to && !mayFollow(state, to)) throw new Error(`a standby that is ${state} can't become ${to}`);
  return db.transaction(async (tx) => {
    const now = await loadAll(tx, before.map(({ standby_id }) => standby_id), 'FOR UPDATE');
    const mine = before.filter(({ standby_id, state, version }) => now.get(standby_id)?.state === state && now.get(standby_id)?.version === version).map(({ standby_id }) => standby_id);
    if (mine.length === 0) return before.map(({ standby_id }) => now.get(standby_id)!);
    const final = (await more?.(tx, mine)) ?? patch;
    const state = final.state ?? to;
    // Nobody looks at an upgrade that waited for weeks: its end has to be told.
    const wait = state === 'FAIL' && before.some(({ upgrade }) => upgrade !== undefined) ? 0 : final.wait;
    await updateStandbys(tx, mine, state, { ...final, wait }, clock.now_ms());
    await recordAll(tx, deps, mine.map((standby_id) => ({ operation: 'standby.Move', target: `standby/${standby_id}`, result: state })), actor);
    if (state === 'FAIL') for (const one of before) if (mine.includes(one.standby_id) && isNews(one, final.reason)) await noteNews(tx, one.standby_id, 'ENDED');
    const after = await loadAll(tx, mine);
    return before.map(({ standby_id }) => (after.get(standby_id) ?? now.get(standby_id))!);
  });
}

/** `wait`: when it is looked at next; null for never. */
export type Patch = { state?: StandbyState; wish_no?: number | null; locked_at?: Date | null; order_id?: string; match_after?: null; reason?: string; priority?: number; upgrade?: string; change_id?: bigint | null; told?: number; wait: number | null };

export async function updateStandbys(tx: Tx, standby_ids: readonly bigint[], state: StandbyState, { wait, state: _state, ...patch }: Patch, now_ms: number): Promise<void> {
  const columns = Object.entries(patch).filter(([, value]) => value !== undefined);
  const over = isOver(state);
  await tx.later(
    `UPDATE standby SET ${columns.map(([name]) => `${name} = ?, `).join('')}state = ?, version = version + 1, attempts = 0, ended_at = ?, next_action_time = ${wait === null ? 'NULL' : 'UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND'} WHERE standby_id IN (?)`,
    [...columns.map(([, value]) => value as SqlValue), state, over ? new Date(now_ms) : null, ...(wait === null ? [] : [Math.max(0, Math.round(wait * 1000))]), standby_ids],
  );
}

/** The deadline, or the moment at which it may be matched, or has waited long. */
function nextLook({ create_ms, deadline_ms, match_after_ms }: Pick<Standby, 'create_ms' | 'deadline_ms' | 'match_after_ms'>, now_ms: number): number {
  if (match_after_ms !== undefined) return Math.max(0, Math.min(match_after_ms, deadline_ms) - now_ms);
  const ages_ms = create_ms + WAITED_LONG_MS;
  return Math.max(0, (ages_ms > now_ms ? Math.min(ages_ms, deadline_ms) : deadline_ms) - now_ms);
}

async function insert(tx: Tx, deps: StandbyStoreDeps, wanted: NewStandby, actor: StandbyActor): Promise<Result<Standby>> {
  const { clock, nextId } = deps;
  const account_id = BigInt(actor.account_id);
  const standby_id = nextId(geneOf(account_id));
  const [open] = await tx.execute<{ count: bigint }>('SELECT COUNT(*) AS count FROM standby WHERE account_id = ? AND ended_at IS NULL', [account_id]);
  if (Number(open?.count ?? 0) >= OPEN_MAX) return fail('STANDBY_LIMIT', { metadata: { limit: String(OPEN_MAX) } });
  // A ticket waits for one better train at a time.
  const item_ids = wanted.upgrade?.items.map(({ item_id }) => item_id) ?? [];
  const held = item_ids.length === 0 ? [] : await tx.execute('SELECT 1 FROM standby_ticket WHERE item_id IN (?)', [item_ids]);
  if (held.length > 0) return fail('CHANGE_NOT_ALLOWED', { metadata: { rule: 'UPGRADE_OPEN' } });
  const free = await claimPeople(tx, standby_id, wanted.travellers, wanted.wishes);
  if (!free.ok) return free;
  if (item_ids.length > 0) await tx.execute(`INSERT INTO standby_ticket (item_id, standby_id) VALUES ${item_ids.map(() => '(?, ?)').join(', ')}`, item_ids.flatMap((item_id): SqlValue[] => [item_id, standby_id]));
  const now_ms = clock.now_ms();
  const { match_after_ms } = wanted;
  const sleeps = match_after_ms !== undefined && match_after_ms > now_ms;
  await tx.execute(
    `INSERT INTO standby (standby_id, account_id, tenant, channel, request_id, body_hash, state, member_level, priority, wishes, travellers, upgrade, deadline_at, match_after, raw_odds, created_at, next_action_time)
     VALUES (?, ?, ?, ?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`,
    [standby_id, account_id, actor.tenant, actor.channel, wanted.request_id, wanted.body_hash, actor.member_level, wanted.priority, JSON.stringify(wanted.wishes), JSON.stringify(wanted.travellers), wanted.upgrade === undefined ? null : JSON.stringify(wanted.upgrade), new Date(wanted.deadline_ms), sleeps ? new Date(match_after_ms) : null, wanted.raw_odds, new Date(now_ms),
      Math.round(nextLook({ create_ms: now_ms, deadline_ms: wanted.deadline_ms, match_after_ms: sleeps ? match_after_ms : undefined }, now_ms) * 1000)],
  );
  const standby = (await loadStandby(tx, standby_id))!;
  if (!sleeps) await enterQueues(tx, standby);
  // By consent, when nobody looked.
  if (actor.service === 'order') await noteNews(tx, standby_id, 'ENTERED');
  await record(tx, deps, { operation: 'standby.Create', target: `standby/${standby_id}`, result: 'ok', request_id: wanted.request_id }, actor);
  return ok(standby);
}

/** A refund or a change has taken tickets of an upgrade while its seats were being taken. */
export async function hasLostTickets(tx: Tx, { standby_id, upgrade }: Pick<Standby, 'standby_id' | 'upgrade'>): Promise<boolean> {
  if (upgrade === undefined) return false;
  const [left] = await tx.execute<{ count: bigint }>('SELECT COUNT(*) AS count FROM standby_ticket WHERE standby_id = ?', [standby_id]);
  return Number(left!.count) < upgrade.items.length;
}

/** JOURNEY_OVERLAP when one of the people waits for another journey at the time of one of the wishes. */
async function claimPeople(tx: Tx, standby_id: bigint, travellers: readonly Traveller[], wishes: readonly Wish[]): Promise<Result<undefined>> {
  const people = travellers.map(({ person }) => person).toSorted();
  await tx.execute(`INSERT INTO standby_person (person, changes) VALUES ${people.map(() => '(?, 1)').join(', ')} ON DUPLICATE KEY UPDATE changes = changes + 1`, people);
  const taken = await tx.execute<{ person: string; start_at: Date; end_at: Date }>('SELECT person, start_at, end_at FROM standby_claim WHERE person IN (?)', [people]);
  const clash = travellers.findIndex(({ person }) => taken.some((claim) => claim.person === person && wishes.some((wish) => claim.start_at.getTime() < wish.arrival_ms && wish.departure_ms < claim.end_at.getTime())));
  if (clash >= 0) return fail('JOURNEY_OVERLAP', { metadata: { field: `passenger_ids[${clash}]` } });
  const rows = people.flatMap((person) => wishes.map((wish, wish_no): SqlValue[] => [person, standby_id, wish_no, new Date(wish.departure_ms), new Date(wish.arrival_ms)]));
  await tx.execute(`INSERT INTO standby_claim (person, standby_id, wish_no, start_at, end_at) VALUES ${rows.map(() => '(?, ?, ?, ?, ?)').join(', ')}`, rows.flat());
  return ok(undefined);
}

/** Its people may wait for other journeys, and its tickets for other trains. */
export async function forgetClaims(tx: Tx, { standby_id, upgrade }: Pick<Standby, 'standby_id' | 'upgrade'>): Promise<void> {
  await tx.execute('DELETE FROM standby_claim WHERE standby_id = ?', [standby_id]);
  if (upgrade !== undefined) await tx.execute('DELETE FROM standby_ticket WHERE item_id IN (?) AND standby_id = ?', [upgrade.items.map(({ item_id }) => item_id), standby_id]);
}

export async function loadStandby(run: Run, standby_id: bigint): Promise<Standby | undefined> {
  return (await loadAll(run, [standby_id])).get(standby_id);
}

/** Rows are locked in the order of their ids. */
async function loadAll(run: Run, standby_ids: readonly bigint[], lock: '' | 'FOR UPDATE' = ''): Promise<Map<bigint, Standby>> {
  const rows = await run.execute<StandbyRow>(`SELECT * FROM standby WHERE standby_id IN (?) ORDER BY standby_id ${lock}`, [standby_ids]);
  return new Map(rows.map((row) => [BigInt(row.standby_id), standbyOf(row)]));
}

function standbyOf(row: StandbyRow): Standby {
  const { tenant, channel, state, member_level, priority, match_no, order_id, reason } = row;
  return {
    tenant, channel, state, member_level, priority, match_no, order_id, reason,
    standby_id: BigInt(row.standby_id),
    account_id: BigInt(row.account_id),
    version: BigInt(row.version),
    sequence: Number(row.sequence),
    wishes: JSON.parse(row.wishes) as Wish[],
    travellers: JSON.parse(row.travellers) as Traveller[],
    deadline_ms: row.deadline_at.getTime(),
    match_after_ms: row.match_after?.getTime(),
    create_ms: row.created_at.getTime(),
    wish_no: row.wish_no ?? undefined,
    locked_ms: row.locked_at?.getTime(),
    upgrade: row.upgrade === null ? undefined : (JSON.parse(row.upgrade) as Upgrade),
    change_id: row.change_id === null ? undefined : BigInt(row.change_id),
    told: row.told === 1,
  };
}
