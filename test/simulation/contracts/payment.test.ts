// The same suite over MariaDB and over what the simulation has in its place.
import { randomBytes, randomInt } from 'node:crypto';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { eventCodec } from '../../../services/payment/events/codec.ts';
import { EffectJournal } from '../../../services/payment/store/journal.ts';
import { migrations } from '../../../services/payment/store/migrations.ts';
import { openPaymentStore } from '../../../services/payment/store/payment_store.ts';
import { openRefundStore } from '../../../services/payment/store/refund_store.ts';
import { freshDatabase } from '../../support/stack.ts';
import { PaymentDb } from '../memory/payment_db.ts';
import { memoryPaymentRefundStore } from '../memory/payment_refund_store.ts';
import { memoryPaymentStore } from '../memory/payment_store.ts';
import { paymentContract } from './payment_contract.ts';

const nextId = (): bigint => BigInt(randomInt(2 ** 40, 2 ** 47));

paymentContract('in memory', async () => {
  const db = new PaymentDb(Date.now, () => undefined);
  return { payments: memoryPaymentStore(db, { now_ms: Date.now, nextId }), refunds: memoryPaymentRefundStore(db, Date.now) };
});

paymentContract('MariaDB', async (t) => {
  const mysql = await freshDatabase();
  t.teardown(() => mysql.stop());
  const log = silentLog();
  await migrate(mysql.url, migrations, { log });
  const db = await openDatabase({ url: mysql.url, log, service: 'payment', multiple_statements: true });
  t.teardown(() => db.close());
  const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  const journal = new EffectJournal({ keys, codec: eventCodec, clock: systemClock, random: systemRandom });
  return { payments: openPaymentStore({ db, journal, clock: systemClock, log, nextId }), refunds: openRefundStore({ db, journal, clock: systemClock }) };
});
