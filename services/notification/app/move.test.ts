import test from 'ava';
import type { Delivery, DeliveryState } from '../domain/delivery.ts';
import { moveDeliveries, settle } from './move.ts';
import type { AuditNote, Delivered, DeliveryRow, Deps, Move, Moved, Unit } from './ports.ts';
import { takeReceipt, type Receipt } from './take_receipt.ts';

const PENDING: Delivery = {
  delivery_id: 1n, message_id: 2n, account_id: 3n, order_id: '4', channel: 'SMS', template_id: 'T', template_version: 1n, state: 'PENDING', recipient_masked: '', tries: 0, receipt_tries: 0,
  last_error: '', create_time_ms: 0, revivals: 0, version: 1n,
};

/** A table of deliveries, and what is told of them. */
function openTable(...rows: Delivery[]) {
  const table = new Map(rows.map((row) => [row.delivery_id, row]));
  const [told, notes, written, counted] = [[] as Delivered[], [] as AuditNote[], [] as DeliveryRow[], [] as string[]];
  const unit = {
    deliveries: {
      lock: async (ids: readonly bigint[]) => ids.flatMap((id) => table.get(id) ?? []),
      async write(changed: readonly DeliveryRow[]) {
        written.push(...changed);
        for (const { delivery } of changed) table.set(delivery.delivery_id, delivery);
      },
    },
    audit: async (...more: AuditNote[]) => void notes.push(...more),
    announce: async (more: readonly Delivered[]) => void told.push(...more),
  } as unknown as Unit;
  const store: Deps['store'] = { write: () => Promise.reject(new Error('not here')), record: (_actor, fn) => fn(unit) };
  let wakes = 0;
  const clock = { now_ms: () => 1000, monotonic_ms: () => 1000 };
  const deps = { store, clock, meters: { reached: (_channel: string, provider: string, state: string) => void counted.push(`${provider} ${state}`) }, wake: () => void (wakes += 1) };
  const move = (moves: Move[]) => moveDeliveries(deps, moves);
  return { table, told, notes, written, counted, move, wakes: () => wakes, clock };
}

const to = (state: DeliveryState, version: bigint): Move['decide'] => (now) => (now.version === version ? { state, wait_ms: 2000 } : undefined);
const states = (moved: readonly (Moved | undefined)[]) => moved.map((answer) => answer && `${answer.before.state}>${answer.after.state}`);

test('each move sees what those before it in the same transaction did, and the row is written once', async (t) => {
  const { table, told, notes, written, move } = openTable(PENDING);
  const moved = await move([{ delivery_id: 1n, decide: to('SENT', 1n) }, { delivery_id: 1n, decide: to('DELIVERED', 2n) }, { delivery_id: 9n, decide: to('SENT', 1n) }]);
  t.deepEqual(states(moved), ['PENDING>SENT', 'SENT>DELIVERED', undefined]);
  t.like(table.get(1n), { state: 'DELIVERED', version: 3n });
  t.is(written.length, 1);
  t.deepEqual(told.map(({ state, version }) => [state, version]), [['SENT', 2n], ['DELIVERED', 3n]]);
  t.is(notes.length, 2);
});

test('a receipt that comes with the answer to the sending, or before it, ends the delivery', async (t) => {
  for (const order of [[0, 1], [1, 0]]) {
    const { table, told, move, clock } = openTable(PENDING);
    const moves: Move[] = [];
    const collect = async (one: Move) => {
      moves.push(one);
      return undefined;
    };
    await settle({ move: collect }, PENDING, { state: 'SENT', provider: 'primary', wait_ms: 2000 });
    await takeReceipt({ move: collect, clock }, { channel: 'SMS', provider: 'primary', message_id: '1', provider_ref: 'r', state: 'DELIVERED' });
    await move(order.map((index) => moves[index]!));
    t.like(table.get(1n), { state: 'DELIVERED', provider: 'primary' });
    t.is(told.at(-1)?.state, 'DELIVERED');
  }
});

test('what failed for good is due at once for its dead letter, and nobody is told of an address that was not there', async (t) => {
  const { told, written, move, wakes } = openTable(PENDING, { ...PENDING, delivery_id: 5n });
  await move([{ delivery_id: 1n, decide: () => ({ state: 'FAILED', last_error: 'timeout', wait_ms: null }) }, { delivery_id: 5n, decide: () => ({ state: 'FAILED', last_error: 'NO_RECIPIENT', wait_ms: null }) }]);
  t.deepEqual(written.map(({ wait_ms }) => wait_ms), [0, null]);
  t.deepEqual([told.map(({ state }) => state), wakes()], [['FAILED'], 1]);
});

test('a move that decides nothing changes nothing', async (t) => {
  const { written, told, move } = openTable({ ...PENDING, version: 7n });
  t.deepEqual(states(await move([{ delivery_id: 1n, decide: to('SENT', 1n) }])), ['PENDING>PENDING']);
  t.deepEqual([written, told], [[], []]);
});

const CARRIED: Delivery = { ...PENDING, state: 'SENT', provider: 'primary', provider_ref: 'p', tries: 1, receipt_tries: 8, sent_time_ms: 0, version: 2n };

/** The delivery that the primary carries, after receipts (`primary FAILED`) and the backup's answer (`backup takes`), and what was answered to each. */
async function after(steps: readonly string[], carried: Delivery = CARRIED) {
  const world = openTable(carried);
  const answers: string[] = [];
  for (const step of steps) {
    const now = world.table.get(1n)!;
    if (step === 'backup takes') await world.move([{ delivery_id: 1n, decide: () => ({ state: 'SENT', provider: 'backup', provider_ref: 'b', tries: now.tries + 1, wait_ms: 2000 }) }]);
    else {
      const [provider, state] = step.split(' ') as [Receipt['provider'], Receipt['state']];
      const taken = await takeReceipt({ move: async (one) => (await world.move([one]))[0], clock: world.clock }, { channel: 'SMS', provider, message_id: '1', provider_ref: provider[0]!, state });
      answers.push(taken.ok ? taken.value : taken.error.reason);
    }
  }
  return { ...world, answers, delivery: world.table.get(1n)! };
}

test('what the primary could not deliver is due for the backup at once, and others are not told of a failure', async (t) => {
  const { delivery, answers, written, told, notes, counted, wakes } = await after(['primary FAILED']);
  t.deepEqual(answers, ['taken']);
  t.like(delivery, { state: 'PENDING', provider: 'primary', last_error: 'NOT_DELIVERED', receipt_tries: 0, tries: 1 });
  t.deepEqual([written.at(-1)?.wait_ms, wakes(), told], [0, 1, []]);
  t.like(notes.at(-1), { operation: 'notification.HandOver', result: 'NOT_DELIVERED', version: 3n });
  t.deepEqual(counted, ['primary HANDED_OVER']);
});

const ORDERS: [steps: string[], answers: string[], end: Partial<Delivery>][] = [
  [['primary FAILED', 'primary FAILED'], ['taken', 'known'], { state: 'PENDING', version: 3n }],
  [['primary FAILED', 'primary DELIVERED', 'primary FAILED'], ['taken', 'taken', 'known'], { state: 'DELIVERED', provider: 'primary', last_error: '' }],
  [['primary DELIVERED', 'primary FAILED'], ['taken', 'known'], { state: 'DELIVERED', provider: 'primary' }],
  [['primary FAILED', 'backup takes', 'primary FAILED'], ['taken', 'known'], { state: 'SENT', provider: 'backup', version: 4n }],
  [['primary FAILED', 'backup takes', 'backup DELIVERED', 'primary FAILED', 'primary DELIVERED'], ['taken', 'taken', 'known', 'known'], { state: 'DELIVERED', provider: 'backup', version: 5n }],
  [['primary FAILED', 'backup takes', 'primary DELIVERED', 'backup DELIVERED'], ['taken', 'taken', 'known'], { state: 'DELIVERED', provider: 'primary', version: 5n }],
  [['primary FAILED', 'backup DELIVERED', 'primary FAILED'], ['taken', 'taken', 'known'], { state: 'DELIVERED', provider: 'backup' }],
  [['primary FAILED', 'backup FAILED'], ['taken', 'CONFLICT'], { state: 'PENDING', version: 3n }],
  [['primary FAILED', 'backup takes', 'backup FAILED', 'primary FAILED', 'backup FAILED'], ['taken', 'taken', 'known', 'known'], { state: 'FAILED', provider: 'backup', last_error: 'NOT_DELIVERED', version: 5n }],
];
for (const [steps, answers, end] of ORDERS) {
  test(`receipts in this order: ${steps.join(', ')}`, async (t) => {
    const world = await after(steps);
    t.deepEqual(world.answers, answers);
    t.like(world.delivery, end);
    const ends = world.counted.filter((word) => /DELIVERED|FAILED/.test(word)).length;
    t.is(ends, end.state === 'DELIVERED' || end.state === 'FAILED' ? 1 : 0, 'each delivery has one end');
    t.is(world.counted.filter((word) => word.endsWith('HANDED_OVER')).length, steps[0] === 'primary FAILED' ? 1 : 0);
  });
}

test('what is no news any more, or was with the backup first, has failed for good', async (t) => {
  const old = await after(['primary FAILED'], { ...CARRIED, create_time_ms: 1000 - 24 * 3_600_000 - 1 });
  t.like(old.delivery, { state: 'FAILED', last_error: 'NOT_DELIVERED' });
  const backup = await after(['backup FAILED'], { ...CARRIED, provider: 'backup' });
  t.like(backup.delivery, { state: 'FAILED', last_error: 'NOT_DELIVERED' });
  t.deepEqual(backup.counted, ['backup FAILED']);
});
