// The same suite over MariaDB and over what the simulation has in its place.
import { randomBytes } from 'node:crypto';
import { systemClock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { gateKeyOf } from '../../../services/ticketing/domain/holder.ts';
import { createJournal } from '../../../services/ticketing/store/journal.ts';
import { migrations } from '../../../services/ticketing/store/migrations.ts';
import { openTicketStore } from '../../../services/ticketing/store/ticket_store.ts';
import { freshDatabase } from '../../support/stack.ts';
import { memoryTicketStore, TicketDb } from '../memory/ticket_store.ts';
import { ticketContract } from './ticket_contract.ts';

/** Growing, as snowflakes do. */
let last = BigInt(Date.now()) << 20n;
const nextId = (): bigint => (last += 1n);

ticketContract('in memory', async () => memoryTicketStore(new TicketDb(Date.now), { now_ms: Date.now, nextId }));

ticketContract('MariaDB', async (t) => {
  const mysql = await freshDatabase();
  t.teardown(() => mysql.stop());
  const log = silentLog();
  await migrate(mysql.url, migrations, { log });
  const db = await openDatabase({ url: mysql.url, log, service: 'ticketing' });
  t.teardown(() => db.close());
  const keyring = createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } });
  const journal = createJournal({ keyring, index: createBlindIndex(randomBytes(32).toString('hex')) }, systemClock);
  const master = randomBytes(32);
  return openTicketStore({ db, journal, keyring, clock: systemClock, log, nextId, gateKey: (run_id) => gateKeyOf(master, run_id) });
});
