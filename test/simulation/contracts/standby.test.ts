// The same suite over MariaDB and over what the simulation has in its place.
import { randomBytes } from 'node:crypto';
import { systemClock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { migrations } from '../../../services/aftersales/store/migrations.ts';
import { openStandbyStore } from '../../../services/aftersales/store/standby_store.ts';
import { freshDatabase } from '../../support/stack.ts';
import { StandbyDb } from '../memory/standby_db.ts';
import { memoryStandbyStore } from '../memory/standby_store.ts';
import { standbyContract } from './standby_contract.ts';

/** Growing, as snowflakes do. */
let last = BigInt(Date.now()) << 20n;
const nextId = (): bigint => (last += 1n);

standbyContract('in memory', async () => {
  const db = new StandbyDb(Date.now);
  return {
    standbys: memoryStandbyStore(db, { now_ms: Date.now, nextId }),
    isDue: async (what, id) => ((what === 'standby' ? db.due : db.runs_due).get(String(id))?.next_ms ?? Infinity) <= Date.now(),
  };
});

standbyContract('MariaDB', async (t) => {
  const mysql = await freshDatabase();
  t.teardown(() => mysql.stop());
  const log = silentLog();
  await migrate(mysql.url, migrations, { log });
  const db = await openDatabase({ url: mysql.url, log, service: 'aftersales', multiple_statements: true });
  t.teardown(() => db.close());
  const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  return {
    standbys: openStandbyStore({ db, keys, clock: systemClock, nextId }),
    async isDue(what, id) {
      const [table, key] = what === 'standby' ? ['standby', 'standby_id'] : ['standby_run', 'run_id'];
      const rows = await db.query(`SELECT 1 FROM ${table} WHERE ${key} = ? AND next_action_time <= UTC_TIMESTAMP(3)`, [id]);
      return rows.length > 0;
    },
  };
});
