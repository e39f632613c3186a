/**
 * Each guard of the seat inventory is taken out, one at a time, on a copy of the sources: the tests that are said to watch
 * over it must go red there, and green where nothing was taken out.
 */
import test from 'ava';
import { runMutant, type Edit } from './mutant.ts';

type Guard = Edit & { guard: string; watched_by: { file: string; title: string } };

const LEDGER = 'services/inventory/store/ledger';
const FAULTS = 'test/integration/inventory_faults.test.ts';
const FROZEN = 'test/crash/inventory_frozen.test.ts';
const FUNCTIONS = 'test/integration/inventory_functions.test.ts';
const CRASH = 'test/crash/inventory_crash.test.ts';
const TICK = 'services/inventory/app/run_tick.test.ts';

const GUARDS: Guard[] = [
  {
    guard: 'the epoch fence of the ledger',
    file: `${LEDGER}/guard.ts`,
    text: "if (epochs.get(bucket) !== epoch) throw new LedgerRefused('EPOCH');",
    instead: "if (epochs.get(bucket) === -epoch) throw new LedgerRefused('EPOCH');",
    watched_by: { file: FROZEN, title: 'before ledger.commitHolds of a hold: the bucket is rebuilt and the seat sold meanwhile, so it commits nothing' },
  },
  {
    guard: 'the lock that a bump waits for',
    file: `${LEDGER}/guard.ts`,
    text: 'ORDER BY bucket LOCK IN SHARE MODE',
    instead: 'ORDER BY bucket',
    watched_by: { file: FROZEN, title: 'inside its transaction: the bump waits for it, and its hold is in what is rebuilt' },
  },
  {
    guard: 'the epoch fence of Redis',
    file: 'services/inventory/store/functions/3_run.lua',
    text: "if fields[1] ~= epoch then return 'EPOCH' end",
    instead: '',
    watched_by: { file: FUNCTIONS, title: 'a bucket that is missing, closed or of another epoch takes nothing, and says which' },
  },
  {
    guard: 'the conditional write',
    file: `${LEDGER}/claims.ts`,
    text: "'(ledger.occupied & claim.mask) = 0'",
    instead: "'(ledger.occupied & claim.mask) <> -1'",
    watched_by: { file: FAULTS, title: 'a seat that Redis wrongly calls free is refused by the ledger, stays taken, and is reported' },
  },
  {
    guard: 'the count of rows of the conditional write',
    file: `${LEDGER}/commit.ts`,
    text: 'if (results[at]!.affected_rows !== rows) throw new LedgerRefused(refusal);',
    instead: 'if (results[at]!.affected_rows > rows) throw new LedgerRefused(refusal);',
    watched_by: { file: FAULTS, title: 'a seat that Redis wrongly calls free is refused by the ledger, stays taken, and is reported' },
  },
  {
    guard: 'the key of the sequence',
    file: `${LEDGER}/commit.ts`,
    text: 'INSERT INTO bucket_sequence',
    instead: 'INSERT IGNORE INTO bucket_sequence',
    watched_by: { file: FAULTS, title: 'history that Redis has lost closes the bucket' },
  },
  {
    guard: 'the record of a hold id in Redis',
    file: 'services/inventory/store/functions/6_hold.lua',
    text: 'local known = record_of(run, hold.field)',
    instead: 'local known = nil',
    watched_by: { file: FUNCTIONS, title: 'a hold is placed once for its id; another body is another hold' },
  },
  {
    guard: 'the key of a hold id in the ledger',
    file: `${LEDGER}/commit.ts`,
    text: "'INSERT INTO seat_hold (",
    instead: "'REPLACE INTO seat_hold (",
    watched_by: { file: FROZEN, title: 'before ledger.commitHolds of a hold: its caller has given it up and the seat was sold meanwhile, so it commits nothing' },
  },
  {
    guard: 'the tombstone before the freeing',
    file: 'services/inventory/app/give_up.ts',
    text: '  const { hold_id, run, owner, body_hash } = planned;',
    instead: '  const { hold_id, run, owner, body_hash } = planned;\n  await freePlaced(parts, attempt);',
    watched_by: { file: TICK, title: 'a lost commit that did happen: the hold stands and nothing is freed' },
  },
  {
    guard: 'the ledger first in a release',
    file: 'services/inventory/app/release_hold.ts',
    text: '  const version = wish.version === 0 ? undefined : wish.version;',
    instead: '  const version = wish.version === 0 ? undefined : wish.version;\n  await freeInRedis(parts, { run, epoch }, { before: known, hold: { ...known, state: "RELEASED" }, freed: known.places });',
    watched_by: { file: CRASH, title: 'release of one item, killed inside ledger.release' },
  },
  {
    guard: 'the owner of a release in Redis',
    file: 'services/inventory/store/functions/6_hold.lua',
    text: 'record.o ~= owner or ',
    instead: '',
    watched_by: { file: FUNCTIONS, title: 'seats are freed by the owner and version of their record only, and once' },
  },
  {
    guard: 'the version of a release in Redis',
    file: 'services/inventory/store/functions/6_hold.lua',
    text: ' or record.v ~= tonumber(seat_version)',
    instead: '',
    watched_by: { file: FUNCTIONS, title: 'seats are freed by the owner and version of their record only, and once' },
  },
  {
    guard: 'the owner of a release',
    file: 'services/inventory/app/release_hold.ts',
    text: 'hold.run_id !== run_id || hold.owner !== owner',
    instead: 'hold.run_id !== run_id',
    watched_by: { file: 'test/integration/inventory.test.ts', title: 'only the owner releases, and only the version it knows' },
  },
  {
    guard: 'the version of a release',
    file: `${LEDGER}/changes.ts`,
    text: 'if (wish.version !== undefined && row.version !== wish.version) return false;',
    instead: '',
    watched_by: { file: FROZEN, title: 'before ledger.release: the version it knew was sold meanwhile, so it releases nothing' },
  },
  {
    guard: 'the version of what is exchanged',
    file: `${LEDGER}/replace.ts`,
    text: "version = ? AND state IN ('HELD', 'SOLD')",
    instead: 'version >= ?',
    watched_by: { file: FROZEN, title: 'before ledger.commitHolds of an exchange: what it gives up was released and sold meanwhile, so it changes nothing' },
  },
  {
    guard: 'the inbox of consumers',
    file: 'kit/bus/delivery_store.ts',
    text: 'if (isDuplicateKey(error)) return false;',
    instead: 'if (isDuplicateKey(error)) return true;',
    watched_by: { file: 'kit/bus/consumer.test.ts', title: 'an event has one effect, however often and to however many processes it is delivered' },
  },
];

/** So much output is shown of a run that surprises. */
const SHOWN_CHARS = 6_000;
/** The machine is shared with the tests that run beside these. */
const AT_ONCE = 2;
let free = AT_ONCE;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else free -= 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

test('with every guard in its place the tests that watch over them pass', async (t) => {
  const watchers = [...new Map(GUARDS.map(({ watched_by }) => [watched_by.title, watched_by])).values()];
  const { passed, failed, output } = await inTurn(() => runMutant(undefined, watchers));
  t.deepEqual(failed, [], output.slice(-SHOWN_CHARS));
  for (const { title } of watchers) t.true(passed.some((name) => name.endsWith(title)), `${title} was not run`);
});

for (const { guard, watched_by, ...edit } of GUARDS) {
  test(`without ${guard} a test goes red`, async (t) => {
    const { passed, failed, output } = await inTurn(() => runMutant(edit, [watched_by]));
    t.true(failed.some((name) => name.endsWith(watched_by.title)), `${watched_by.title} did not fail (passed: ${passed.join(', ')})\n${output.slice(-SHOWN_CHARS)}`);
    // Red for what it asserts, not for a file that can't be loaded.
    t.notRegex(output, /SyntaxError|ERR_MODULE_NOT_FOUND|Error compiling function/, output.slice(-SHOWN_CHARS));
  });
}
