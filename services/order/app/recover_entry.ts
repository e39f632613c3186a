/** What the sweeper does with an entry that has not moved on by itself: it makes good what a crash or an outage left. */
import { QUEUE_CAP } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import { SYSTEM } from './actor.ts';
import type { Ports } from './ports.ts';
import { enteredKey, entryKey, overdueKey } from './signals.ts';

/** A waiting entry is looked at again after this time: its place in Redis, and whether its train can still be bought. */
const WAITING_MS = 300_000;
/** The owner of the queue is told again after this time: signals may be lost. */
const OVERDUE_MS = 5000;

/** How long to wait for the next look; undefined when the entry needs none. */
export async function recoverEntry(ports: Ports, entry_id: string): Promise<number | undefined> {
  const entry = await ports.entries.find(entry_id);
  if (entry?.state === 'PROCESSING') {
    ports.signals.emit(overdueKey(entry.run_id));
    return OVERDUE_MS;
  }
  if (entry?.state !== 'WAITING') return undefined;
  if (entry.body.journey.departure_ms <= ports.clock.now_ms()) {
    if (await ports.entries.end(entry_id, 'FAILED', 'SALE_CLOSED', SYSTEM, 'WAITING')) ports.signals.emit(entryKey(entry_id));
    return undefined;
  }
  // The row counts as a place, so the cap is not asked: it was when the entry came.
  await ports.queue.enter(entry.run_id, entry_id, scoreOf(entry.priority, entry.sequence), QUEUE_CAP * 2).catch((error: unknown) => ports.log.warn({ error, entry_id }, 'a waiting entry is not in Redis'));
  ports.signals.emit(enteredKey(entry.run_id));
  return WAITING_MS;
}
