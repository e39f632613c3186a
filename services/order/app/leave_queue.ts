/** LeaveQueue: gives the place and a seat lock up and frees the passengers' time. An entry that became an order stays one. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { AccountFacts, Actor } from './actor.ts';
import type { Ports } from './ports.ts';
import { giveLockBack } from './keep_lock.ts';
import { openToken, statusOf, type QueueView, type StatusPorts } from './queue_status.ts';
import { entryKey, runKey } from './signals.ts';

/** Idempotent: the answer is where the entry ended. One that is being processed can't leave any more. */
export async function leaveQueue(ports: Ports & StatusPorts, token: string, actor: Actor & { account: AccountFacts }): Promise<Result<QueueView>> {
  const ticket = openToken(ports, token, actor.account.account_id);
  if (!ticket.ok) return ticket;
  const { entry_id, run_id } = ticket.value;
  if (await ports.entries.end(entry_id, 'LEFT', '', actor, 'WAITING')) {
    // The row decides; what stays in Redis is skipped when it is dequeued.
    await ports.queue.remove(run_id, [entry_id]).catch((error: unknown) => ports.log.warn({ error, entry_id }, 'an entry stays in the queue although it left'));
    ports.signals.emit(entryKey(entry_id));
    ports.signals.emit(runKey(run_id));
  }
  const entry = await ports.entries.find(entry_id);
  if (entry?.state === 'LEFT') await giveLockBack(ports, entry);
  return entry === undefined ? fail('QUEUE_ENTRY_NOT_FOUND') : ok(await statusOf(ports, entry));
}
