/**
 * Inventory is killed at each step boundary of each change; then it is started again, its callers repeat themselves, some
 * change their minds, what is left runs out, and the oracle looks at the ledger and at the bits.
 */
import test, { type ExecutionContext } from 'ava';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { testRun } from '../integration/inventory_world.ts';
import { examineInventory, freeInRedisOnly, occupiedSegments } from '../support/inventory_oracle.ts';
import { eventually } from '../support/processes.ts';
import { Callers } from './callers.ts';
import { pointOf, type Point } from './points.ts';
import { openCrashWorld, type CrashWorld, type Process } from './world.ts';

let world: CrashWorld;
let running: Process;
let callers: Callers;
let runs: string[];
let trains = 0;

test.before(async () => {
  world = await openCrashWorld();
  running = await world.start();
});
test.after.always(() => world?.lifecycle.stop());

/** What is asked when the process dies, after what has been prepared. Both may be repeated: they use the same ids. */
type Change = { prepare?: () => Promise<unknown>; strike: () => Promise<unknown>; /** Redis was made to forget, or to say what is not so. */ lies?: true };

const wish = (hold_id: string, more: Partial<Parameters<Callers['hold']>[0]> = {}) => ({ hold_id: `${hold_id}-${runs[0]}`, run_id: runs[0]!, from: 0, to: 2, seats: 2, ...more });
const id = (hold_id: string) => `${hold_id}-${runs[0]}`;

const CHANGES: Record<string, Change> = {
  // Two runs, several holds, a group, standing places: some alone, some in one tick.
  hold: {
    strike: () => Promise.all([
      callers.hold(wish('a')),
      callers.hold(wish('b', { from: 1, to: 4, seats: 1 })),
      callers.hold(wish('c', { run_id: runs[1]! })),
      callers.hold(wish('d', { seats: 1, seat_class: SeatClass.STANDING })),
      callers.hold(wish('a')),
    ]),
  },
  release: {
    prepare: () => Promise.all([callers.hold(wish('a')), callers.hold(wish('b')), callers.hold(wish('c', { seats: 1, seat_class: SeatClass.STANDING }))]),
    strike: () => Promise.all([callers.release(id('a')), callers.release(id('c'))]),
  },
  'release of one item': {
    prepare: () => callers.hold(wish('a', { seats: 3 })),
    strike: () => callers.release(id('a'), ['2']),
  },
  'release of what is sold': {
    prepare: async () => {
      await Promise.all([callers.hold(wish('a', { seats: 3 })), callers.hold(wish('b'))]);
      await Promise.all([callers.sell(id('a')), callers.sell(id('b'))]);
    },
    strike: () => Promise.all([callers.release(id('a'), ['1']), callers.release(id('b'))]),
  },
  // Redis has placed it, nobody has committed it, and its caller gives it up.
  'release of what was never committed': {
    prepare: async () => {
      await running.arm({ store: 'seats', method: 'hold', when: 'after', act: 'kill' });
      await callers.hold(wish('a'));
      await running.died;
      running = await world.start();
    },
    strike: () => callers.release(id('a')),
  },
  sell: {
    prepare: () => Promise.all([callers.hold(wish('a')), callers.hold(wish('b'))]),
    strike: () => callers.sell(id('a')),
  },
  exchange: {
    prepare: () => Promise.all([callers.hold(wish('a')), callers.hold(wish('b', { seats: 1, seat_class: SeatClass.STANDING }))]),
    strike: () => Promise.all([callers.exchange(id('a'), wish('x', { from: 1, to: 4 })), callers.exchange(id('b'), wish('y', { seats: 1 }))]),
  },
  'exchange of what is sold': {
    prepare: async () => {
      await callers.hold(wish('a'));
      await callers.sell(id('a'));
    },
    strike: () => callers.exchange(id('a'), wish('x', { from: 1, to: 4 })),
  },
  expiry: {
    prepare: () => callers.hold(wish('a')),
    // Its caller hears nothing of it: as one who lost the answer and comes back too late.
    strike: async () => {
      const known = callers.told.find(({ hold_id }) => hold_id === id('a'))!;
      Object.assign(known, { states: ['HELD', 'RELEASED'] });
      await world.db.query('UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE hold_id = ?', [id('a')]);
    },
  },
  // Redis wrongly has seats as free; the ledger refuses them.
  'giving up of what the ledger refuses': {
    lies: true,
    prepare: async () => {
      await callers.hold(wish('a', { seats: 4 }));
      await world.freeBits(runs[0]!);
    },
    strike: () => callers.hold(wish('b')),
  },
  rebuild: {
    lies: true,
    prepare: () => Promise.all([callers.hold(wish('a')), callers.hold(wish('b', { run_id: runs[1]! }))]),
    strike: async () => {
      await world.redis_client.flushall();
      await callers.hold(wish('c'));
    },
  },
};

const POINTS: Record<string, string[]> = {
  hold: ['before seats.hold', 'after seats.hold', 'after ledger.materialise', 'before ledger.commitHolds', 'inside ledger.commitHolds', 'after ledger.commitHolds'],
  release: ['before ledger.release', 'inside ledger.release', 'after ledger.release', 'before seats.release', 'after seats.release'],
  'release of one item': ['inside ledger.release', 'before seats.release', 'after seats.release'],
  'release of what is sold': ['before seats.reclaim', 'after seats.reclaim', 'inside ledger.release', 'before seats.release', 'after seats.release'],
  'release of what was never committed': ['before ledger.tombstone', 'inside ledger.tombstone', 'after ledger.tombstone', 'after seats.release'],
  sell: ['before ledger.sell', 'inside ledger.sell', 'after ledger.sell', 'before seats.sell', 'after seats.sell'],
  exchange: ['before seats.hold', 'after seats.hold', 'before ledger.commitHolds', 'inside ledger.commitHolds', 'after ledger.commitHolds', 'before seats.release', 'after seats.release'],
  'exchange of what is sold': ['after seats.reclaim', 'after seats.hold', 'inside ledger.commitHolds', 'after ledger.commitHolds', 'after seats.release', 'after seats.sell'],
  expiry: ['before ledger.release', 'inside ledger.release', 'after ledger.release', 'before seats.release', 'after seats.release'],
  'giving up of what the ledger refuses': ['before ledger.tombstone', 'inside ledger.tombstone', 'after ledger.tombstone', 'before seats.release', 'after seats.release'],
  rebuild: ['before seats.begin', 'after seats.begin', 'before seats.openRuns', 'after seats.openRuns', 'before seats.finish', 'after seats.finish'],
};

for (const [name, points] of Object.entries(POINTS)) {
  for (const where of points) test.serial(`${name}, killed ${where}`, (t) => survive(t, CHANGES[name]!, pointOf(where)));
}

async function survive(t: ExecutionContext, { prepare, strike, lies }: Change, point: Point): Promise<void> {
  trains += 2;
  runs = await world.open(running, [testRun(`X${trains}`, { standing: 5 }), testRun(`X${trains + 1}`)]);
  callers = new Callers(() => running);
  await prepare?.();
  t.deepEqual(callers.complaints, []);
  await running.arm(point);
  const struck = strike();
  t.is(await running.died, 'SIGKILL');
  await struck;
  if (!lies) t.deepEqual(await freeInRedisOnly(world.stores), []);
  // A dead process' lease of a rebuild runs out by itself; waiting for that would prove nothing more.
  await world.db.query('UPDATE lease SET expires_at = UTC_TIMESTAMP(3)');
  running = await world.start();

  // Who had no answer asks again, who had one doesn't believe it, and one gives back what he may or may not have.
  await strike();
  await Promise.all([callers.settle(), strike()]);
  await callers.release(id('a'), [], 5);
  await callers.release(id('a'), [], 5);
  await callers.release(id('never'), [], 5, runs[0]);
  await callers.settle();
  const differed = await world.reconcile(running);
  t.deepEqual(await examineInventory(world.stores, callers.told), []);
  t.deepEqual(callers.complaints, []);
  // Redis may have too much as taken until somebody looks; too little, never.
  t.true(lies || !differed.includes('FREE_IN_REDIS_ONLY'), differed.join());

  // Everything left is given back or runs out: then nothing may stay taken anywhere.
  await Promise.all(callers.standing('SOLD').map((hold_id) => callers.release(hold_id, [], 5)));
  await world.db.query("UPDATE seat_hold SET expires_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3) WHERE state = 'HELD'");
  await eventually(async () => (await world.db.query("SELECT 1 FROM seat_hold WHERE state IN ('HELD', 'SOLD')")).length === 0);
  await world.reconcile(running);
  t.deepEqual(await examineInventory(world.stores), []);
  t.deepEqual(await occupiedSegments(world.stores), { ledger: 0, redis: 0 });
}
