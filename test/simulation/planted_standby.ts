/** Bugs of standby, planted on purpose: each takes one safeguard away. */
import { ok } from '#kit/base/result.ts';
import { frozen } from './memory/frozen.ts';
import type { Plant } from './plant.ts';

export const PLANTED_STANDBY: Readonly<Record<string, Plant>> = {
  'a match whose order is made under an id made anew with each try': {
    standby_peers: ({ seats, orders }, world) => ({ seats, orders: { ...orders, create: (standby, wish) => orders.create({ ...standby, locked_ms: standby.locked_ms! - world.scheduler.between(1, 1e6) }, wish) } }),
  },
  'a match given up that keeps its seats': {
    standby_peers: ({ seats, orders }) => ({ orders, seats: { ...seats, release: async () => ok(undefined) } }),
  },
  'a standby that is over and keeps its people from waiting for others': {
    standbys: (store, db) => ({
      ...store,
      async end(...args) {
        const claims = [...db.claims];
        const ended = await store.end(...args);
        db.claims = claims;
        return ended;
      },
    }),
  },
  'a matcher that does not mind the deadline': {
    standbys: (store, db) => ({
      ...store,
      async claim(wanted) {
        const deadlines = new Map(wanted.map(({ standby_id }) => [standby_id, db.rows.get(standby_id)!.deadline_ms]));
        const withDeadline = (standby_id: bigint, deadline_ms: number): void => void db.rows.set(standby_id, frozen({ ...db.rows.get(standby_id)!, deadline_ms }));
        for (const standby_id of deadlines.keys()) withDeadline(standby_id, Infinity);
        const claimed = await store.claim(wanted);
        for (const [standby_id, deadline_ms] of deadlines) withDeadline(standby_id, deadline_ms);
        return claimed.map((standby) => ({ ...standby, deadline_ms: deadlines.get(standby.standby_id)! }));
      },
    }),
  },
  'a matcher that serves the last of each kind': {
    standbys: (store, db) => ({
      ...store,
      heads: async (run_id) => [...Map.groupBy(db.wishes.filter((wish) => wish.run_id === run_id), ({ kind }) => kind).values()].map((queue) => queue.toSorted((left, right) => right.rank - left.rank)[0]!),
      front: async (run_id, kinds) => kinds.flatMap(({ kind, requests }) => db.wishes.filter((wish) => wish.run_id === run_id && wish.kind === kind).toSorted((left, right) => right.rank - left.rank).slice(0, requests)),
    }),
  },
  'an inventory that is not told when nobody waits any more': {
    standby_peers: ({ seats, orders }) => ({ orders, seats: { ...seats, tell: async (run_id, waiting, version) => (waiting ? seats.tell(run_id, waiting, version) : ok(undefined)) } }),
  },
  'kept seats that nobody puts on sale again': {
    kept: (kept) => {
      kept.opens = false;
    },
  },
};
