/** The queues of runs: entering and leaving them, in the transaction of whoever does; and what is asked of them. */
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { StandbyStore, WaitingHead } from '../app/standby_ports.ts';
import { kindText } from '../domain/standby_matching.ts';
import { rankOf } from '../domain/standby_priority.ts';
import type { Standby, Wish } from '../domain/standby.ts';

type Queued = Pick<Standby, 'standby_id' | 'sequence' | 'priority' | 'wishes' | 'travellers'>;

export function kindOf({ seat_classes, from_index, to_index, accept_same_train_change }: Wish, size: number): string {
  return kindText({ classes: seat_classes, from: from_index, to: to_index, size, changes: accept_same_train_change });
}

/** Puts a standby into the queue of each of its runs, or of those of some wishes. Runs are locked in their order. */
export async function enterQueues(tx: Tx, { standby_id, sequence, priority, wishes, travellers }: Queued): Promise<void> {
  const rows = wishes.map((wish, wish_no): SqlValue[] => [wish.run_id, kindOf(wish, travellers.length), rankOf(priority, sequence), standby_id, wish_no]);
  await tx.execute(`INSERT INTO standby_wish (run_id, kind, place, standby_id, wish_no) VALUES ${rows.map(() => '(?, ?, ?, ?, ?)').join(', ')}`, rows.flat());
  for (const wish of oneOfEachRun(wishes)) {
    // Only the first who waits and the last who leaves are news for inventory.
    await tx.execute(
      `INSERT INTO standby_run (run_id, waiting, version, told, lease_until, departure_at, next_action_time) VALUES (?, 1, 1, 0, UTC_TIMESTAMP(3), ?, UTC_TIMESTAMP(3))
       ON DUPLICATE KEY UPDATE version = version + IF(waiting = 0, 1, 0), next_action_time = IF(waiting = 0, UTC_TIMESTAMP(3), next_action_time), waiting = waiting + 1`,
      [wish.run_id, new Date(wish.departure_ms)],
    );
  }
}

/** Takes standbys out of the queues; only out of that of one wish where one is named. The number of wishes that wait on. */
export async function leaveQueues(tx: Tx, standby_ids: readonly bigint[], wish_no?: number): Promise<number> {
  type Row = { standby_id: bigint; run_id: string; wish_no: number };
  const before = await tx.execute<Row>('SELECT standby_id, run_id, wish_no FROM standby_wish WHERE standby_id IN (?) FOR UPDATE', [standby_ids]);
  const gone = before.filter((row) => wish_no === undefined || row.wish_no === wish_no);
  if (gone.length === 0) return before.length;
  await tx.later(`DELETE FROM standby_wish WHERE standby_id IN (?)${wish_no === undefined ? '' : ' AND wish_no = ?'}`, [standby_ids, ...(wish_no === undefined ? [] : [wish_no])]);
  const nameOf = ({ standby_id, run_id }: Row): string => `${standby_id} ${run_id}`;
  const staying = new Set(before.filter((row) => !gone.includes(row)).map(nameOf));
  const left = new Map(gone.filter((row) => !staying.has(nameOf(row))).map((row) => [nameOf(row), row.run_id]));
  for (const [run_id, leaving] of [...Map.groupBy(left.values(), (id) => id)].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const count = leaving.length;
    await tx.later(
      'UPDATE standby_run SET version = version + IF(waiting <= ?, 1, 0), next_action_time = IF(waiting <= ?, UTC_TIMESTAMP(3), next_action_time), waiting = GREATEST(waiting - ?, 0) WHERE run_id = ? AND waiting > 0',
      [count, count, count, run_id],
    );
  }
  return before.length - gone.length;
}

/** Those who wait for a run have a reason to be looked at. */
export async function lookAtWaiting(tx: Tx, run_id: string): Promise<void> {
  await tx.execute("UPDATE standby s JOIN standby_wish w ON w.standby_id = s.standby_id SET s.next_action_time = UTC_TIMESTAMP(3) WHERE w.run_id = ? AND s.state = 'PENDING'", [run_id]);
}

/** Another priority: the same place in time, in another segment. */
export async function moveInQueues(tx: Tx, { standby_id, sequence }: Pick<Standby, 'standby_id' | 'sequence'>, priority: number): Promise<void> {
  await tx.execute('UPDATE standby_wish SET place = ? WHERE standby_id = ?', [rankOf(priority, sequence), standby_id]);
}

function oneOfEachRun(wishes: readonly Wish[]): Wish[] {
  return [...new Map(wishes.map((wish) => [wish.run_id, wish])).values()].toSorted((left, right) => (left.run_id < right.run_id ? -1 : 1));
}

const LOOK_MS = 60_000;

type HeadRow = { kind: string; place: bigint; standby_id: bigint; wish_no: number };

function headOf({ kind, place, standby_id, wish_no }: HeadRow): WaitingHead {
  return { kind, rank: Number(place), standby_id: BigInt(standby_id), wish_no };
}

type QueueReads = Pick<StandbyStore, 'heads' | 'front' | 'ahead' | 'lease' | 'unlease' | 'waiting' | 'told'>;

export function queueReads(db: Database): QueueReads {
  return {
    async heads(run_id) {
      // The inner select jumps from kind to kind in the key.
      const rows = await db.query<HeadRow>(
        `SELECT w.kind, w.place, w.standby_id, w.wish_no FROM (SELECT kind, MIN(place) AS place FROM standby_wish WHERE run_id = ? GROUP BY kind) first
         JOIN standby_wish w ON w.run_id = ? AND w.kind = first.kind AND w.place = first.place`,
        [run_id, run_id],
      );
      return rows.map(headOf);
    },
    async front(run_id, kinds) {
      // As many looks into the key as kinds, each at its first rows only.
      const one = '(SELECT kind, place, standby_id, wish_no FROM standby_wish WHERE run_id = ? AND kind = ? ORDER BY place, standby_id, wish_no LIMIT ?)';
      const rows = kinds.length === 0 ? [] : await db.query<HeadRow>(kinds.map(() => one).join(' UNION ALL '), kinds.flatMap(({ kind, requests }) => [run_id, kind, requests]));
      return rows.map(headOf);
    },
    async ahead(run_id, rank) {
      const rows = await db.query<{ kind: string; requests: bigint }>('SELECT kind, COUNT(*) AS requests FROM standby_wish WHERE run_id = ? AND place < ? GROUP BY kind', [run_id, rank]);
      return rows.map(({ kind, requests }) => ({ kind, requests: Number(requests) }));
    },
    async lease(run_id, owner, ttl_ms) {
      const { affected_rows } = await db.query('UPDATE standby_run SET lease_owner = ?, lease_until = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE run_id = ? AND (lease_owner = ? OR lease_until <= UTC_TIMESTAMP(3))', [
        owner, ttl_ms * 1000, run_id, owner,
      ]);
      return affected_rows === 1;
    },
    async unlease(run_id, owner) {
      await db.query('UPDATE standby_run SET lease_until = UTC_TIMESTAMP(3) WHERE run_id = ? AND lease_owner = ?', [run_id, owner]);
    },
    async waiting(run_id) {
      const [row] = await db.query<{ waiting: number; version: bigint; told: bigint }>('SELECT waiting, version, told FROM standby_run WHERE run_id = ?', [run_id]);
      return row === undefined ? undefined : { waiting: row.waiting > 0, version: BigInt(row.version), told: BigInt(row.told) };
    },
    async told(run_id, version) {
      // While somebody waits the run is looked at now and then, should a signal have been lost.
      await db.query(
        `UPDATE standby_run SET told = ?, attempts = 0, next_action_time = CASE WHEN version <> ? THEN UTC_TIMESTAMP(3) WHEN waiting = 0 OR departure_at < UTC_TIMESTAMP(3) THEN NULL ELSE UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND END
         WHERE run_id = ? AND told <= ?`,
        [version, version, LOOK_MS * 1000, run_id, version],
      );
    },
  };
}
