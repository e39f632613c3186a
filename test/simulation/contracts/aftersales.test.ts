// The same suite over MariaDB and over what the simulation has in its place.
import { randomBytes } from 'node:crypto';
import { systemClock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { noteDifference as noteDifferenceInSql, openChangeStore } from '../../../services/aftersales/store/change_store.ts';
import { migrations } from '../../../services/aftersales/store/migrations.ts';
import { noteMoney as noteMoneyInSql, openRefundStore } from '../../../services/aftersales/store/refund_store.ts';
import { freshDatabase } from '../../support/stack.ts';
import { AftersalesDb, memoryAftersalesStore } from '../memory/aftersales_store.ts';
import { memoryChangeStore, noteDifference } from '../memory/change_store.ts';
import { aftersalesContract } from './aftersales_contract.ts';

/** Growing, as snowflakes do. */
let last = BigInt(Date.now()) << 20n;
const nextId = (): bigint => (last += 1n);
const STEP_MS = 60_000;

aftersalesContract('in memory', async () => {
  const db = new AftersalesDb(Date.now);
  const options = { now_ms: Date.now, nextId, step_ms: STEP_MS };
  return {
    refunds: memoryAftersalesStore(db, options),
    changes: memoryChangeStore(db, options),
    noteMoney: async (money_id, arrived) => db.noteMoney(money_id, arrived),
    noteDifference: async (payment_id) => noteDifference(db, payment_id),
    isDue: async (what, id) => ((what === 'refund' ? db.due : db.changes_due).get(String(id))?.next_ms ?? Infinity) <= Date.now(),
  };
});

aftersalesContract('MariaDB', async (t) => {
  const mysql = await freshDatabase();
  t.teardown(() => mysql.stop());
  const log = silentLog();
  await migrate(mysql.url, migrations, { log });
  const db = await openDatabase({ url: mysql.url, log, service: 'aftersales' });
  t.teardown(() => db.close());
  const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  const deps = { db, keys, clock: systemClock, nextId, step_ms: STEP_MS };
  return {
    refunds: openRefundStore(deps),
    changes: openChangeStore(deps),
    noteMoney: (money_id, arrived) => db.transaction((tx) => noteMoneyInSql(tx, money_id, arrived, Date.now())),
    noteDifference: (payment_id) => db.transaction((tx) => noteDifferenceInSql(tx, payment_id)),
    async isDue(what, id) {
      const [table, key] = what === 'refund' ? ['refund', 'refund_id'] : ['ticket_change', 'change_id'];
      const rows = await db.query(`SELECT 1 FROM ${table} WHERE ${key} = ? AND next_action_time <= UTC_TIMESTAMP(3)`, [id]);
      return rows.length > 0;
    },
  };
});
