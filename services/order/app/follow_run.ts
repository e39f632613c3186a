/**
 * What the railway says of a run reaches its queue and its orders. Driven from the rows of its words (events only bring those), so
 * it may be done again at any time: every order is compared with all words that are known, and what it knows is left as it is.
 */
import { inTurns } from '#kit/base/in_turns.ts';
import { required } from '#kit/base/result.ts';
import { nextStep } from '../domain/next_step.ts';
import type { Order } from '../domain/order.ts';
import { takeWord } from '../domain/run_change.ts';
import { isCancelled, latestArrival_ms, type RunWord } from '../domain/run_word.ts';
import { SYSTEM } from './actor.ts';
import type { OrderStore, Ports, RunWords } from './ports.ts';
import { entryKey, orderKey, runKey } from './signals.ts';

export type FollowPorts = Pick<Ports, 'queue' | 'ticketing' | 'signals' | 'log' | 'clock'> & {
  orders: Pick<OrderStore, 'find'>;
  words: RunWords;
  /** Drives an order on in the background. */
  advance: (order_id: string) => void;
};

const PAGE = 200;
/** Orders written at once: others have transactions, too. */
const TOGETHER = 4;
/** More than an order can have to be told at once: three kinds for each of its journeys. */
const CHANGES_MAX = 24;
const ENTRIES = 200;
/** Twice as many as ever wait for a run. */
const ENTRY_BATCHES_MAX = 1000;
/** When the sweeper comes by, should this process end before the next step. */
const SAFETY_MS = 3000;

export async function followRun(ports: FollowPorts, run_id: string): Promise<void> {
  const words = await ports.words.of(run_id);
  if (isCancelled(words)) await endWaiting(ports, run_id);
  const named = new Set(words.flatMap(({ orders }) => orders.map(({ order_id }) => order_id)));
  named.delete('');
  for (let before: string | undefined; ;) {
    const page = await ports.words.openOrders(run_id, before, PAGE);
    await takeAll(ports, page, words);
    for (const { order_id } of page) named.delete(order_id);
    if (page.length < PAGE) break;
    before = page.at(-1)!.order_id;
  }
  // Those that were placed on another run and travel on this one now.
  for (const order_id of named) {
    const order = await ports.orders.find(order_id);
    if (order !== undefined) await takeAll(ports, [order], words);
  }
  // Last: should ticketing be away, travellers have been told all the same, and this is done again.
  const arrival_ms = latestArrival_ms(words);
  if (arrival_ms !== undefined) required(await ports.ticketing.keep(run_id, arrival_ms));
}

async function takeAll(ports: FollowPorts, orders: readonly Order[], words: readonly RunWord[]): Promise<void> {
  const concerned = orders.filter((order) => takeWord(order, words, ports.clock.now_ms()) !== undefined);
  await inTurns(concerned, TOGETHER, ({ order_id }) => takeOne(ports, order_id, words[0]!.run_id));
}

async function takeOne({ words, signals, clock, advance }: FollowPorts, order_id: string, run_id: string): Promise<void> {
  const restsAfter = (order: Order): boolean => nextStep(order, { now_ms: clock.now_ms(), ask_payments: false }) === undefined;
  const optionsOf = (after: Order) => ({ actor: SYSTEM, operation: 'order.TakeWord', ...(restsAfter(after) ? {} : { next_ms: SAFETY_MS }) });
  let taken: Order | undefined;
  for (let count = 0; count < CHANGES_MAX; count += 1) {
    const changed = await words.change(order_id, run_id, (order, all) => takeWord(order, all, clock.now_ms()), optionsOf);
    if (changed === undefined) break;
    taken = changed;
  }
  if (taken === undefined) return;
  signals.emit(orderKey(order_id));
  if (!restsAfter(taken)) advance(order_id);
}

/** Whose turn would come has nothing to get; those in flight hear it from inventory. */
async function endWaiting({ words, queue, signals, log }: FollowPorts, run_id: string): Promise<void> {
  for (let batch = 0; batch < ENTRY_BATCHES_MAX; batch += 1) {
    const ended = await words.endWaiting(run_id, 'RUN_CANCELLED', ENTRIES);
    if (ended.length === 0) return;
    await queue.remove(run_id, ended).catch((error: unknown) => log.warn({ error, run_id }, 'ended entries stay in Redis until the queue is built again'));
    for (const entry_id of ended) signals.emit(entryKey(entry_id));
    signals.emit(runKey(run_id));
  }
}
