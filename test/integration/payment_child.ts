/**
 * The callback server of payment over a real database, in a process that ends itself, as by kill -9, right before or right
 * after the transaction of a callback: so its answer never leaves.
 */
import { createKeyring } from '#kit/crypto/column.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { eventCodec } from '../../services/payment/events/codec.ts';
import { startCallbacks } from '../../services/payment/rpc/callbacks.ts';
import { EffectJournal } from '../../services/payment/store/journal.ts';
import { openPaymentStore } from '../../services/payment/store/payment_store.ts';

const [url, keys_dir, moment] = process.argv.slice(2) as [string, string, 'before' | 'after'];
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('dead');
};

const db = await openDatabase({ url, service: 'payment', log: silentLog(), multiple_statements: true });
const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: Buffer.alloc(32, 1).toString('base64') } }), index: createBlindIndex('11'.repeat(32)) };
const journal = new EffectJournal({ keys, codec: eventCodec, clock: systemClock, random: systemRandom });
const store = openPaymentStore({ db, journal, clock: systemClock, log: silentLog(), nextId: () => 1n });
const applyReport: typeof store.applyReport = async (report, mark) => {
  if (moment === 'before') die();
  await store.applyReport(report, mark);
  return die();
};
const { peer_key } = await loadOurKeys(keys_dir, 'gateway');
const doomed = { ...store, find: store.find.bind(store), isKnownCallback: store.isKnownCallback.bind(store), applyReport };
const { port } = await startCallbacks({ host: '127.0.0.1', port: 0, store: doomed as never, gateway_keys: () => peer_key, clock: systemClock, log: silentLog() });
process.once('disconnect', () => process.exit());
process.send!({ port });
