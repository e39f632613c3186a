/** Upgrades in MySQL: rows of standby and of ticket_change, moved together. */
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';
import type { UpgradeStandby, UpgradeStore } from '../app/upgrade_ports.ts';
import type { Standby, StandbyState } from '../domain/standby.ts';
import { insertChange } from './change_store.ts';
import type { RefundStoreDeps } from './refund_store.ts';
import { enterQueues, leaveQueues } from './standby_queue.ts';
import { forgetClaims, hasLostTickets, loadStandby, moveStandbys, type Patch, type StandbyStoreDeps } from './standby_store.ts';

/** Who began the change drives it on; the sweeper looks after this. */
const BEGUN_MS = 3000;

export function openUpgradeStore(deps: StandbyStoreDeps & RefundStoreDeps): UpgradeStore {
  const { db } = deps;
  const move = async (standby: Standby, to: StandbyState, patch: Patch, more?: (tx: Tx) => Promise<Patch | void>) => (await moveStandbys(deps, [standby], to, patch, more))[0]!;
  return {
    begin: (standby, wanted) =>
      move(standby, 'LOCKED', { wait: BEGUN_MS }, async (tx) => ({ change_id: (await insertChange(tx, deps, wanted, ownerOf(standby))).change_id, wait: BEGUN_MS })),
    refuse: (standby, reason) => move(standby, 'LOCKED', { reason, wait: 0 }),
    resume(standby, pass) {
      const passed = pass ? [...standby.upgrade.passed, standby.wish_no!] : standby.upgrade.passed;
      const { reason } = standby;
      const patch = { upgrade: JSON.stringify({ ...standby.upgrade, passed }), change_id: null, wish_no: null, locked_at: null };
      return move(standby, 'PENDING', { ...patch, reason: '', wait: 0 }, async (tx) => {
        const lost = await hasLostTickets(tx, standby);
        if (lost || passed.length === standby.wishes.length) {
          await forgetClaims(tx, standby);
          return { state: 'FAIL', ...patch, reason: lost ? 'ITEM_NOT_CHANGEABLE' : reason, wait: 0 };
        }
        await enterQueues(tx, standby);
        for (const wish_no of passed) await leaveQueues(tx, [standby.standby_id], wish_no);
        return undefined;
      });
    },
    awaitPay: (standby) => move(standby, 'AWAIT_PAY', { wait: 0 }),
    async told({ standby_id, state }) {
      const look = state === 'FAIL' ? 'NULL' : 'UTC_TIMESTAMP(3)';
      await db.query(`UPDATE standby SET told = 1, attempts = 0, next_action_time = ${look} WHERE standby_id = ? AND state = ?`, [standby_id, state]);
      return (await loadStandby({ execute: (sql, params) => db.query(sql, params) }, standby_id))!;
    },
  };
}

/** The change is the account's own, asked for when the standby was. */
function ownerOf({ account_id }: UpgradeStandby): Actor {
  return { account_id: String(account_id), service: 'aftersales', device_id: '', ip: '' };
}
