import test from 'ava';
import type { Hold } from '../domain/hold.ts';
import { layoutOfCoaches } from '../domain/layout.ts';
import type { RunHeader } from '../domain/run.ts';
import { coach } from '../../../timetable/seats.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { holdTicks } from './hold_ticks.ts';
import { inventoryMetrics } from './metrics.ts';
import { LedgerRefused, OutcomeUnknown, type NewHold, type PlannedHold, type SeatChange, type SequenceKey } from './ports.ts';
import { runTick, type TickParts } from './run_tick.ts';

const LAYOUT = layoutOfCoaches([{ ...coach(1, 'second', 20), quiet: false }]);

function runNo(no: number, bucket = 1): RunHeader {
  return { run_no: BigInt(no), run_id: `R${no}`, bucket, service_date: '2026-01-15', timetable_version: '1', stops: [], segments: 4, layout: LAYOUT, standing_capacity: 0, sale_start_ms: 0, sale_end_ms: 0, seats_at_opening: 20, quotas: [], open: true };
}

function planned(hold_id: string, run: RunHeader): PlannedHold {
  return { hold_id, run, owner: 'ORDER', body_hash: new Uint8Array(16), from: 0, to: 2, items: [{ id: '1', classes: ['3'], quotas: [] }], wish: { flags: [], letters: '', together: false, same_coach: false, required: false }, changes: false, ttl_ms: 1000, account_id: '' };
}

function storedHold({ planned: { hold_id, run, owner, body_hash, replaces }, placed }: NewHold): Hold {
  const state = replaces?.state ?? 'HELD';
  return { hold_id, run_id: run.run_id, run_no: run.run_no, bucket: run.bucket, state, owner, version: 1, seat_version: 1, places: placed.places, order_id: '', account_id: '', body_hash, expires_ms: 0 };
}

/** Redis places everything on seat 0, 1 …; the ledger does what `commit` says. What was done is noted in order. */
function world(commit: (holds: readonly NewHold[], keys: readonly SequenceKey[]) => void, unanswered: readonly number[] = []) {
  const steps: string[] = [];
  const ledger_rows = new Map<string, Hold>();
  const suspected: string[] = [];
  const later: string[] = [];
  const freed_places = new Map<string, string>();
  const [away, asked] = [new Set<number>(), [] as number[]];
  let seat = 0;
  const parts: TickParts = {
    buckets: { epochOf: () => 7, isCurrent: () => true, isAway: (bucket: number) => away.has(bucket), noteAway: (bucket: number) => void away.add(bucket), suspect: (bucket: number, why: string) => void suspected.push(`${bucket} ${why}`) } as unknown as TickParts['buckets'],
    seats: {
      hold: async (calls) => calls.map(({ bucket, holds }) => asked.push(bucket) > 0 && unanswered.includes(bucket) ? { status: 'UNAVAILABLE' } : ({ status: 'OK', sequence: 5n, outcomes: holds.map(() => ({ status: 'HELD', replayed: false, seat_version: 1, run_version: 9n, places: [{ item_id: '1', class_code: 3, index: seat++, from: 0, to: 2 }] })) })),
      release: async (_run, _epoch, { hold_id, freed }: SeatChange) => {
        steps.push(`free ${hold_id} ${freed === 'ALL' ? 'all' : freed.length}`);
        if (freed !== 'ALL') freed_places.set(hold_id, freed.map(({ index, from, to }) => `${index}:${from}-${to}`).join(' '));
        return { status: 'OK', run_version: 1n };
      },
      sell: async (_run, _epoch, { hold_id }) => {
        steps.push(`forget ${hold_id}`);
        return { status: 'OK', run_version: 1n };
      },
    },
    ledger: {
      findHolds: async (ids) => new Map(ids.flatMap((id) => (ledger_rows.has(id) ? [[id, ledger_rows.get(id)!] as const] : []))),
      commitHolds: async (holds, keys) => {
        steps.push(`commit ${holds.map(({ planned: { hold_id } }) => hold_id).join(',')} part ${keys.map(({ part }) => part).join(',')}`);
        commit(holds, keys);
        return holds.map(storedHold);
      },
      materialise: async () => {},
      tombstone: async ({ hold_id }) => {
        steps.push(`tombstone ${hold_id}`);
        return !ledger_rows.has(hold_id);
      },
      readBits: async (runs) => new Map(runs.map((run) => [run.run_id, { occupied: new Map([[3, new Map([[0, 0b01n]])]]), standing_used: [] }])),
    },
    chores: { later: (name) => void later.push(name), stop: async () => {} },
    metrics: inventoryMetrics('test'),
    log: silentLog(),
    onChanged: () => {},
  };
  return { tick: runTick(parts), steps, ledger_rows, suspected, later, freed_places, away, asked };
}

const reason = (answer: { ok: boolean; error?: { reason: string } }) => (answer.ok ? 'ok' : answer.error!.reason);

test('a lost commit that did not happen: tombstone first, then the seats are freed', async (t) => {
  const { tick, steps } = world(() => {
    throw new OutcomeUnknown();
  });
  const [answer] = await tick([planned('a', runNo(1))]);
  t.is(reason(answer!), 'HOLD_CONFLICT');
  t.deepEqual(steps.slice(1), ['tombstone a', 'free a 1']);
});

test('a lost commit that did happen: the hold stands and nothing is freed', async (t) => {
  const { tick, steps, ledger_rows } = world((holds) => {
    for (const hold of holds) ledger_rows.set(hold.planned.hold_id, storedHold(hold));
    throw new OutcomeUnknown();
  });
  const [answer] = await tick([planned('a', runNo(1))]);
  t.is(reason(answer!), 'ok');
  t.deepEqual(steps.slice(1), ['tombstone a']);
});

test('a ledger that is away: nothing is freed, the caller repeats, and somebody looks again', async (t) => {
  const { tick, steps, later } = world(() => {
    throw new Error('gone');
  });
  t.is(reason((await tick([planned('a', runNo(1))]))[0]!), 'DEPENDENCY_UNAVAILABLE');
  t.deepEqual(steps.slice(1), []);
  t.deepEqual(later, ['give up a']);
});

test('one bad run fails alone, by halves between runs, each under a part of its own', async (t) => {
  const { tick, steps } = world((holds) => {
    if (holds.some(({ planned: { run } }) => run.run_no === 2n)) throw new LedgerRefused('SEAT');
  });
  const answers = await tick([planned('a', runNo(1)), planned('b', runNo(1)), planned('c', runNo(2)), planned('d', runNo(3))]);
  t.deepEqual(answers.map(reason), ['ok', 'ok', 'HOLD_CONFLICT', 'ok']);
  t.deepEqual(steps.filter((step) => step.startsWith('commit')), ['commit a,b,c,d part 0', 'commit a,b part 1', 'commit c,d part 2', 'commit c part 3', 'commit d part 4']);
});

test('a seat that the ledger has as taken is not freed with the rest', async (t) => {
  const { tick, steps } = world(() => {
    throw new LedgerRefused('SEAT');
  });
  await tick([planned('a', runNo(1))]);
  // The ledger has segment 0 of that seat as taken; of the place 0–2 only 1–2 goes back.
  t.deepEqual(steps.slice(1), ['tombstone a', 'free a 1']);
});

test('a sequence that was used before closes its bucket alone, and is not hidden by a new part', async (t) => {
  const { tick, suspected, steps } = world((_holds, keys) => {
    if (keys.some(({ bucket }) => bucket === 2)) throw new LedgerRefused('SEQUENCE');
  });
  const answers = await tick([planned('a', runNo(1, 1)), planned('b', runNo(2, 2)), planned('c', runNo(3, 2))]);
  t.deepEqual(answers.map(reason), ['ok', 'SHARD_CLOSED', 'SHARD_CLOSED']);
  t.true(suspected.every((one) => one === '2 SEQUENCE') && suspected.length > 0);
  t.deepEqual(steps, ['commit a,b,c part 0,0', 'commit a part 0', 'commit b,c part 0']);
});

/** An exchange of segments 0–4 of seat 0 for what the world places: segments 0–2 of seat 0. */
function exchange(run: RunHeader, old: Partial<Hold> = {}): PlannedHold {
  const places = [{ item_id: '1', class_code: 3, index: 0, from: 0, to: 4 }];
  const replaces: Hold = { hold_id: 'old', run_id: run.run_id, run_no: run.run_no, bucket: run.bucket, state: 'HELD', owner: 'ORDER', version: 2, seat_version: 1, places, order_id: '7', account_id: '', body_hash: new Uint8Array(16), expires_ms: 0, ...old };
  return { ...planned('new', run), replaces };
}

test('an exchange: after the commit the old record ends, and of its seats only what the new hold has not is freed', async (t) => {
  const { tick, steps, freed_places } = world(() => {});
  t.is(reason((await tick([exchange(runNo(1))]))[0]!), 'ok');
  t.deepEqual(steps, ['commit new part 0', 'free old 1']);
  t.is(freed_places.get('old'), '0:2-4');
});

test('an exchange of what is sold: Redis forgets the new hold too', async (t) => {
  const { tick, steps } = world(() => {});
  await tick([exchange(runNo(1), { state: 'SOLD' })]);
  t.deepEqual(steps.slice(1), ['free old 1', 'forget new']);
});

test('an exchange whose old hold has changed fails alone and frees nothing of the old one', async (t) => {
  const grown = { places: [{ item_id: '1', class_code: 3, index: 0, from: 1, to: 2 }] };
  const { tick, steps, freed_places } = world((holds) => {
    if (holds.some(({ planned: { replaces } }) => replaces !== undefined)) throw new LedgerRefused('REPLACED');
  });
  const answers = await tick([exchange(runNo(1), grown), planned('a', runNo(1))]);
  t.deepEqual(answers.map(reason), ['VERSION_STALE', 'ok']);
  t.deepEqual(steps.slice(1), ['commit new part 1', 'commit a part 2', 'tombstone new', 'free new 0']);
  t.is(freed_places.get('new'), '', 'segment 1 is the old one\'s, and segment 0 is taken in the ledger');
});

test('a seat lock that ended before it was taken over has its seats locked by others', async (t) => {
  const { tick } = world(() => {
    throw new LedgerRefused('REPLACED');
  });
  t.is(reason((await tick([exchange(runNo(1), { owner: 'SEAT_LOCK', order_id: '' })]))[0]!), 'SEAT_LOCKED');
});

test('an exchange whose commit was lost but happened ends the old record', async (t) => {
  const { tick, steps, ledger_rows } = world((holds) => {
    for (const hold of holds) ledger_rows.set(hold.planned.hold_id, storedHold(hold));
    throw new OutcomeUnknown();
  });
  t.is(reason((await tick([exchange(runNo(1), { state: 'SOLD' })]))[0]!), 'ok');
  t.deepEqual(steps.slice(1), ['tombstone new', 'free old 1', 'forget new']);
});

test('a bucket whose server did not answer keeps no tick waiting again until it is back', async (t) => {
  const { tick, away, asked, suspected } = world(() => {}, [2]);
  const both = (id: string) => tick([planned(`${id}1`, runNo(1, 1)), planned(`${id}2`, runNo(2, 2))]);
  t.deepEqual((await both('a')).map(reason), ['ok', 'DEPENDENCY_UNAVAILABLE']);
  t.deepEqual((await both('b')).map(reason), ['ok', 'DEPENDENCY_UNAVAILABLE']);
  t.deepEqual(asked, [1, 2, 1]);
  away.clear();
  await both('c');
  t.deepEqual(asked, [1, 2, 1, 1, 2]);
  t.deepEqual(suspected, [], 'away is not lost: nothing is rebuilt');
});

test('ticks: one alone when idle, the rest together, a bounded queue', async (t) => {
  const sizes: number[] = [];
  const gate = Promise.withResolvers<void>();
  const ticks = holdTicks(
    async (tick) => {
      sizes.push(tick.length);
      await gate.promise;
      return tick.map(() => ({ ok: false, error: { reason: 'SOLD_OUT' } }));
    },
    inventoryMetrics('test'),
    { max_tick: 3, max_in_flight: 2, max_queue: 5 },
  );
  const submit = async (id: string) => (await ticks.submit([planned(id, runNo(1))]))[0]!;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const answers = [submit('a')];
  await turn();
  answers.push(submit('b'));
  await turn();
  t.deepEqual(sizes, [1, 1], 'two ticks of one under way');
  answers.push(...['c', 'd', 'd', 'e', 'f'].map(submit));
  t.is(reason(await submit('g')), 'OVERLOADED');
  gate.resolve();
  await Promise.all(answers);
  t.deepEqual(sizes.toSorted((left, right) => left - right), [1, 1, 2, 3], 'the repeated id waits for the next tick');
});

test('a unit stays together: in one tick, and committed as a whole or not at all', async (t) => {
  const ticked: string[] = [];
  const ticks = holdTicks(
    async (tick) => {
      ticked.push(tick.map(({ hold_id }) => hold_id).join(','));
      return tick.map(() => ({ ok: false, error: { reason: 'SOLD_OUT' } }));
    },
    inventoryMetrics('test'),
    { max_tick: 4, max_in_flight: 2, max_queue: 5 },
  );
  const unit = ['b', 'c', 'd'].map((id, index) => ({ ...planned(id, runNo(1)), follows: index > 0 }));
  const answers = await Promise.all([ticks.submit([planned('a', runNo(1))]), ticks.submit(unit), ticks.submit([planned('e', runNo(1))])]);
  t.deepEqual(answers.map((list) => list.length), [1, 3, 1]);
  t.true(ticked.some((names) => names.includes('b,c,d')), ticked.join(' '));

  const { tick, steps } = world((holds) => {
    if (holds.some(({ planned: { hold_id } }) => hold_id === 'd')) throw new LedgerRefused('REPLACED');
  });
  t.deepEqual((await tick([planned('a', runNo(1)), ...unit, planned('e', runNo(1))])).map(reason), ['ok', 'VERSION_STALE', 'VERSION_STALE', 'VERSION_STALE', 'ok']);
  t.deepEqual(steps.filter((step) => step.startsWith('commit')).map((step) => step.split(' ')[1]), ['a,b,c,d,e', 'a', 'b,c,d,e', 'b,c,d', 'e']);
});
