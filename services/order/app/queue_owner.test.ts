// The owner of a queue over stores in memory: whatever goes wrong between it and inventory, nobody passes who came later.
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#kit/base/clock.ts';
import { fail, type Result } from '#kit/base/result.ts';
import { systemTimers } from '#kit/base/timers.ts';
import type { QueueEntry } from '../domain/entry.ts';
import type { Hold, HoldRequest } from './peers.ts';
import type { QueueLease } from './ports.ts';
import { QueueOwner, type OwnerPorts } from './queue_owner.ts';
import { localSignals } from './signals.ts';

const RUN = 'G1.20260101';
const PEOPLE = 12;
const RATE_PER_S = 3;

type Row = Pick<QueueEntry, 'entry_id' | 'state' | 'sequence'>;

/** Twelve people wait; everybody is refused as sold out, which ends an entry and needs no order. */
function openWorld(t: ExecutionContext, trouble: { hold?(call: number): void | Promise<void>; start?(call: number): void; lease?(): QueueLease | undefined; left_by_another?: boolean }) {
  const { left_by_another = false } = trouble;
  const rows: Row[] = Array.from({ length: PEOPLE }, (_, index) => ({ entry_id: `e${index}`, state: left_by_another ? 'PROCESSING' : 'WAITING', sequence: index }));
  const asked: string[] = [];
  const calls = { hold: 0, start: 0, waiting: 0 };
  const entryOf = (row: Row) => ({ ...row, run_id: RUN, account_id: '1', hold_no: 0, enter_ms: 0, body: { journey: { run_id: RUN }, passengers: [] } }) as unknown as QueueEntry;
  const inState = (state: string) => rows.filter((row) => row.state === state);
  let ended = (): void => undefined;
  const done = new Promise<void>((resolve) => (ended = resolve));
  const ports = {
    clock: systemClock,
    timers: systemTimers,
    signals: localSignals(),
    log: { warn: () => undefined, error: () => undefined, info: () => undefined },
    meters: { waited: () => undefined, processed: () => undefined, paymentDuplicate: () => undefined },
    paces: { drainPerSecond: async () => RATE_PER_S, measured: () => undefined },
    outlooks: { count: async () => undefined },
    queue: { served: async () => undefined },
    leaseOf: () => (trouble.lease === undefined ? LEASE : trouble.lease()),
    entries: {
      openRuns: async () => [{ run_id: RUN, bucket: 0, waiting: inState('WAITING').length > 0 }],
      async waiting(_run: string, limit: number) {
        calls.waiting += 1;
        return inState('WAITING').slice(0, limit);
      },
      inFlight: async () => inState('PROCESSING').map(entryOf),
      postpone: async () => undefined,
      async start(entry_ids: string[]) {
        const started = inState('WAITING').filter(({ entry_id }) => entry_ids.includes(entry_id));
        for (const row of started) row.state = 'PROCESSING';
        calls.start += 1;
        trouble.start?.(calls.start);
        return started.map(entryOf);
      },
      async failMany(refused: { entry_id: string }[]) {
        for (const { entry_id } of refused) rows.find((row) => row.entry_id === entry_id)!.state = 'FAILED';
        if (rows.every(({ state }) => state === 'FAILED')) ended();
        return refused.map(({ entry_id }) => entry_id);
      },
    },
    inventory: {
      async holdMany(requests: HoldRequest[]): Promise<Result<Hold>[]> {
        calls.hold += 1;
        await trouble.hold?.(calls.hold);
        asked.push(...requests.map(({ hold_id }) => hold_id));
        return requests.map(() => fail('SOLD_OUT'));
      },
    },
  };
  const owner = new QueueOwner(ports as unknown as OwnerPorts);
  // As in the service somebody looks from time to time, and the sweeper tells of what is overdue.
  const looking = setInterval(() => void owner.look(), 50);
  const sweeping = left_by_another ? undefined : setInterval(() => owner.repeat(RUN), 1500);
  t.teardown(() => {
    clearInterval(looking);
    clearInterval(sweeping);
    return owner.stop();
  });
  if (!left_by_another) owner.wake(RUN);
  return { asked, done, calls, owner };
}

const LEASE: QueueLease = { name: 'queue/0', owner: 'me', term: 1n };
const IN_TURN = Array.from({ length: PEOPLE }, (_, index) => `e${index}`);

test('in turn, at the pace, everybody once', async (t) => {
  const { asked, done, calls } = openWorld(t, {});
  await done;
  t.deepEqual(asked, IN_TURN);
  t.true(calls.hold >= PEOPLE / RATE_PER_S, 'no more than the pace allows go at once');
});

test('while inventory is away those who were taken wait for it, and nobody behind them is asked for', async (t) => {
  const { asked, done } = openWorld(t, {
    hold: (call) => {
      if (call >= 2 && call <= 4) throw new Error('inventory is away');
    },
  });
  await done;
  t.deepEqual(asked, IN_TURN);
});

test('entries that left the queue with an outcome that is not known go first', async (t) => {
  const { asked, done } = openWorld(t, {
    start: (call) => {
      if (call === 2) throw new Error('the commit is not known');
    },
  });
  await done;
  t.deepEqual(asked, IN_TURN);
});

test('a lease that was in doubt for a moment lets nobody pass', async (t) => {
  let doubtful = false;
  const { asked, done } = openWorld(t, {
    // In doubt just when the second batch is about to be asked for.
    start: (call) => void (doubtful = call === 2),
    lease() {
      if (!doubtful) return LEASE;
      doubtful = false;
      return undefined;
    },
  });
  await done;
  t.deepEqual(asked, IN_TURN);
});

test('another process’s work in flight is repeated before anybody else is served', async (t) => {
  let term = 1n;
  const { asked, done } = openWorld(t, {
    lease: () => ({ ...LEASE, term }),
    start: (call) => {
      // Its owner died between the commit and the hold; this process gets the lease with the next term.
      if (call !== 2) return;
      term += 1n;
      throw new Error('the owner died');
    },
  });
  await done;
  t.deepEqual(asked, IN_TURN);
});

test('what a predecessor left in flight is found by looking alone, and not looked for again while it is in hand', async (t) => {
  let release = (): void => undefined;
  let began = (): void => undefined;
  const asking = new Promise<void>((resolve) => (began = resolve));
  const { asked, done, calls, owner } = openWorld(t, {
    left_by_another: true,
    hold: () => {
      began();
      return new Promise<void>((resolve) => (release = resolve));
    },
  });
  await asking;
  const before = calls.waiting;
  for (let looks = 0; looks < 3; looks += 1) await owner.look();
  release();
  await done;
  t.deepEqual(asked, IN_TURN);
  t.true(calls.waiting <= before + 1, 'the step after it may look once');
});
