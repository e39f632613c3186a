/** What many orders do at one moment is done in one transaction: orders that came to a step together go on together. */
import { systemTimers } from '#kit/base/timers.ts';
import { company } from '#kit/run/company.ts';
import { eachRow } from '#kit/store/each_row.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import { together } from '#kit/store/together.ts';
import type { OrderStore } from '../app/ports.ts';
import type { Order } from '../domain/order.ts';
import { activeTrace, writeChanges, type OrderWrite, type WriteTools } from './order_write.ts';

/** Those whose answers came in one batch are there at the same moment; nobody waits for anybody else. */
const WAIT_MS = 0;
const TOGETHER_MAX = 64;
/** Less than there are connections: others have transactions, too. */
const BATCHES_MAX = 4;
const WAITING_MAX = 20_000;

type Note = { order: Order; progress: Parameters<OrderStore['note']>[1] };

export function collated(db: Database, tools: WriteTools, findAll: (order_ids: readonly string[]) => Promise<ReadonlyMap<string, Order>>): Pick<OrderStore, 'find' | 'apply' | 'note'> {
  const find = inCompany((order_ids: readonly string[]) => each(order_ids, async (some) => {
    const found = await findAll([...new Set(some)]);
    return some.map((order_id) => found.get(order_id));
  }));
  const apply = inCompany((writes: readonly OrderWrite[]) => applyAll(db, tools, writes));
  const note = inCompany((notes: readonly Note[]) => each(notes, (some) => noteAll(db, some)));
  return {
    find,
    // The trace is the order's own, not that of whoever came first.
    apply: (change, options) => apply({ change, options, trace: activeTrace() }),
    note: (order, progress) => note({ order, progress }),
  };
}

function inCompany<Item, Answer>(run: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>): (item: Item) => Promise<Answer> {
  const calls = company<Item, Answer | Error>({ wait_ms: WAIT_MS, together_max: TOGETHER_MAX, batches_max: BATCHES_MAX, waiting_max: WAITING_MAX, timers: systemTimers, run });
  return async (item) => {
    const answer = await calls.join(item);
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

/** Together, and each with an error of its own where they fail together. */
function each<Item, Answer>(items: readonly Item[], all: (items: readonly Item[]) => Promise<readonly Answer[]>): Promise<readonly (Answer | Error)[]> {
  return together<Item, Answer | Error>(items, all, (_, error) => (error instanceof Error ? error : new Error(String(error))));
}

/** Says of a batch that one of it was not as it was seen: whose it is, each finds out alone. */
class Stale extends Error {}

/** Of two changes of one order the second was made without knowing the first, so it is stale. */
async function applyAll(db: Database, tools: WriteTools, writes: readonly OrderWrite[]): Promise<(boolean | Error)[]> {
  const first = new Map<string, OrderWrite>();
  for (const write of writes) if (!first.has(write.change.before.order_id)) first.set(write.change.before.order_id, write);
  const all = async (some: readonly OrderWrite[]): Promise<boolean[]> => {
    const write = async (tx: Tx): Promise<boolean> => {
      const done = await writeChanges(tx, some, tools);
      // Of several some are written: none of them may stay.
      if (!done && some.length > 1) throw new Stale('one of several orders has changed');
      return done;
    };
    const written = await db.transaction(write, { share: { keys: some.map(({ change }) => `order/${change.before.order_id}`) } });
    return some.map(() => written);
  };
  const distinct = [...first.values()];
  const outcomes = await each(distinct, all);
  const by_write = new Map(distinct.map((write, index) => [write, outcomes[index]!]));
  return writes.map((write) => by_write.get(write) ?? false);
}

async function noteAll(db: Database, notes: readonly Note[]): Promise<undefined[]> {
  const last = new Map(notes.map((note) => [note.order.order_id, note]));
  const ids = [...last.keys()].map(BigInt);
  const column = (value: (note: Note) => SqlValue) => eachRow('order_id', ids, [...last.values()].map(value));
  const todo = column(({ progress }) => progress.todo.join(','));
  const attempts = column(({ progress }) => progress.attempts);
  const next = column(({ progress: { next_ms } }) => (next_ms === undefined ? null : Math.round(next_ms * 1000)));
  const version = column(({ order }) => order.version);
  await db.query(
    `UPDATE orders SET todo = ${todo.sql}, attempts = ${attempts.sql}, next_action_time = UTC_TIMESTAMP(3) + INTERVAL ${next.sql} MICROSECOND WHERE order_id IN (?) AND version = CAST(${version.sql} AS UNSIGNED)`,
    [...todo.params, ...attempts.params, ...next.params, ids, ...version.params],
  );
  return notes.map(() => undefined);
}
