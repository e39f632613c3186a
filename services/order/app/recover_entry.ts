/** What the sweeper does with an entry that has not moved on by itself: it makes good what a crash or an outage left. */
import { QUEUE_CAP } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import { SYSTEM } from './actor.ts';
import type { OwnerPorts } from './queue_owner.ts';
import { processEntries } from './process_entries.ts';
import { entryKey, runKey } from './signals.ts';

/** A waiting entry is looked at again after this time: its place in Redis, and whether its train can still be bought. */
const WAITING_MS = 60_000;
/** Another process owns the queue; it will do it. */
const NOT_OURS_MS = 2000;

/** How long to wait for the next look; undefined when the entry needs none or has been postponed already. */
export async function recoverEntry(ports: OwnerPorts, entry_id: string): Promise<number | undefined> {
  const entry = await ports.entries.find(entry_id);
  if (entry === undefined) return undefined;
  if (entry.state === 'WAITING') {
    if (entry.body.journey.departure_ms <= ports.clock.now_ms()) {
      if (await ports.entries.end(entry_id, 'FAILED', 'SALE_CLOSED', SYSTEM, 'WAITING')) ports.signals.emit(entryKey(entry_id));
      return undefined;
    }
    // The row counts as a place, so the cap is not asked: it was when the entry came.
    await ports.queue.enter(entry.run_id, entry_id, scoreOf(entry.priority, entry.sequence), QUEUE_CAP * 2);
    ports.signals.emit(runKey(entry.run_id));
    return WAITING_MS;
  }
  if (entry.state !== 'PROCESSING') return undefined;
  const lease = ports.leaseOf(entry.bucket);
  if (lease === undefined) return NOT_OURS_MS;
  await processEntries(ports, [entry], lease);
  return undefined;
}
