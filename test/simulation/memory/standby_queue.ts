/** What is asked of the queues of runs, in memory. */
import type { StandbyStore, WaitingHead } from '../../../services/aftersales/app/standby_ports.ts';
import type { QueuedWish, StandbyDb } from './standby_db.ts';

type QueueReads = Pick<StandbyStore, 'heads' | 'front' | 'ahead' | 'lease' | 'unlease' | 'waiting' | 'told'>;

const LOOK_MS = 60_000;

export function standbyQueueReads(db: StandbyDb): QueueReads {
  const queueOf = (run_id: string): QueuedWish[] => db.wishes.filter((wish) => wish.run_id === run_id).toSorted((left, right) => left.rank - right.rank || left.wish_no - right.wish_no);
  return {
    async heads(run_id) {
      const kinds = [...Map.groupBy(queueOf(run_id), ({ kind }) => kind).values()];
      return kinds.flatMap((queue) => queue.filter(({ rank }) => rank === queue[0]!.rank)).map(headOf);
    },
    async front(run_id, kinds) {
      return kinds.flatMap(({ kind, requests }) => queueOf(run_id).filter((wish) => wish.kind === kind).slice(0, requests)).map(headOf);
    },
    async ahead(run_id, rank) {
      const before = queueOf(run_id).filter((wish) => wish.rank < rank);
      return [...Map.groupBy(before, ({ kind }) => kind)].map(([kind, requests]) => ({ kind, requests: requests.length }));
    },
    async lease(run_id, owner, ttl_ms) {
      const run = db.runs.get(run_id);
      if (run === undefined || (run.lease_owner !== owner && run.lease_until_ms > db.now_ms())) return false;
      db.runs.set(run_id, { ...run, lease_owner: owner, lease_until_ms: db.now_ms() + ttl_ms });
      return true;
    },
    async unlease(run_id, owner) {
      const run = db.runs.get(run_id);
      if (run?.lease_owner === owner) db.runs.set(run_id, { ...run, lease_until_ms: db.now_ms() });
    },
    async waiting(run_id) {
      const run = db.runs.get(run_id);
      return run === undefined ? undefined : { waiting: run.waiting > 0, version: run.version, told: run.told };
    },
    async told(run_id, version) {
      const run = db.runs.get(run_id);
      if (run === undefined || run.told > version) return;
      db.runs.set(run_id, { ...run, told: version });
      // While somebody waits the run is looked at now and then, should a signal have been lost.
      const looks = run.waiting > 0 && run.departure_ms >= db.now_ms();
      db.runs_due.set(run_id, run.version !== version ? db.now_ms() : looks ? db.now_ms() + LOOK_MS : undefined, 0);
    },
  };
}

function headOf({ kind, rank, standby_id, wish_no }: QueuedWish): WaitingHead {
  return { kind, rank, standby_id, wish_no };
}
