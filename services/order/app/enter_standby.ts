/**
 * Turns entries into standbys (ADR 35). The row says that this is to be done (state STANDBY) before anybody is asked; aftersales is asked
 * with a request id that follows from the entry, however often and by whichever process, so there is one standby. The row ends
 * FAILED either way: with the standby, or with the reason why there is none.
 */
import { fail, FailureError, type Result } from '#kit/base/result.ts';
import { formatUuid7, uuid7Time_ms } from '#kit/base/uuid7.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { estimate_ms, QUEUE_HORIZON_S } from '../domain/pace.ts';
import { isWantOfPlaces, standbyRequestOf } from '../domain/standby.ts';
import { SYSTEM } from './actor.ts';
import type { Paces } from './paces.ts';
import type { Ports } from './ports.ts';
import { entryKey } from './signals.ts';
import { isTransient } from './transient.ts';

type StandbyPorts = Pick<Ports, 'standbys' | 'entries' | 'clock' | 'hash' | 'signals' | 'log'>;

/** An aftersales that answers nobody for so long: the traveller is told, and may ask for a standby later. As long as a queue token lives. */
const GIVE_UP_MS = 15 * 60_000;

/** Whether an entry that is refused for this reason waits in the standby list instead. */
export function maySwitch({ standbys }: Pick<Ports, 'standbys'>, { body }: Pick<QueueEntry, 'body'>, reason: string): boolean {
  return standbys !== undefined && body.standby !== undefined && isWantOfPlaces(reason);
}

/**
 * An entry that comes beyond a full queue. Seats are left to those in the queue for as long as it takes to serve them, so that nobody
 * is overtaken by who was turned away. The entry as it is then; undefined when it was served meanwhile.
 */
export async function switchFromFullQueue(ports: StandbyPorts & { paces: Paces }, entry: QueueEntry, ahead: number): Promise<QueueEntry | undefined> {
  const { entries, clock, paces, log } = ports;
  const wait_ms = Math.min(estimate_ms(ahead, await paces.drainPerSecond(entry.run_id)), QUEUE_HORIZON_S * 1000);
  const [switched] = await entries.toStandby([{ entry_id: entry.entry_id, reason: 'QUEUE_FULL', after_ms: clock.now_ms() + wait_ms }], SYSTEM, 'WAITING');
  if (switched === undefined) return undefined;
  await enterStandby(ports, entry.entry_id).catch((error: unknown) => log.warn({ error, entry_id: entry.entry_id }, 'a standby is left to the sweeper'));
  return entries.find(entry.entry_id);
}

/** One step, for the sweeper too. Throws when it has to be repeated after a pause. */
export async function enterStandby(ports: StandbyPorts, entry_id: string): Promise<void> {
  const { entries, clock, signals, log } = ports;
  const entry = await entries.find(entry_id);
  if (entry?.state !== 'STANDBY') return;
  const asked = await ask(ports, entry);
  if (!asked.ok && mayChange(asked) && clock.now_ms() - (entry.standby_since_ms ?? 0) < GIVE_UP_MS) throw new FailureError(asked.error);
  if (!asked.ok) log.info({ entry_id, reason: asked.error.reason }, 'an entry did not become a standby');
  if (await entries.endStandby(entry_id, asked.ok ? { standby_id: asked.value } : { reason: asked.error.reason }, SYSTEM)) signals.emit(entryKey(entry_id));
}

async function ask({ standbys, hash }: StandbyPorts, entry: QueueEntry): Promise<Result<string>> {
  const wanted = standbyRequestOf(entry);
  if (standbys === undefined) return fail('DEPENDENCY_UNAVAILABLE');
  if (wanted === undefined) return fail('FIELD_INVALID', { detail: 'no class that all passengers accept' });
  return standbys.create(formatUuid7(uuid7Time_ms(entry.request_id) ?? entry.enter_ms, hash(`standby ${entry.entry_id}`)), wanted);
}

function mayChange({ error }: Extract<Result<string>, { ok: false }>): boolean {
  return error.reason === 'CONFLICT' || isTransient(error);
}
