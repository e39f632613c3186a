/** Holds places for entries that left the queue, in their turn: nobody behind them is asked for before they are decided. */
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Result } from '#kit/base/result.ts';
import { sleep } from '#kit/base/timers.ts';
import type { QueueEntry } from '../domain/entry.ts';
import { holdIdOf, type Hold, type HoldRequest } from './peers.ts';
import type { Ports } from './ports.ts';

/** `undefined`: inventory did not decide. */
export type Held = { entry: QueueEntry; outcome: Result<Hold> | undefined };

export type HoldPorts = Pick<Ports, 'inventory' | 'log' | 'clock' | 'timers'> & {
  /** How long inventory took to decide; undefined: it did not. */
  measured(latency_ms: number | undefined): void;
  /** False once the queue is not ours any more. */
  goesOn(): boolean;
};

/**
 * An outage of inventory is waited out in place for about three seconds, calls apart. What is undecided then is repeated
 * later and others go on: one entry that inventory never decides must not hold up everybody.
 */
const ROUNDS_MAX = 6;
const PAUSE_MS = 100;

/** One outcome for each entry, in order; `interrupted` when the queue was not ours any more before all were decided. Never throws. */
export async function holdPlaces(ports: HoldPorts, entries: readonly QueueEntry[]): Promise<{ held: Held[]; interrupted: boolean }> {
  const decided = new Map<string, Result<Hold>>();
  let interrupted = false;
  for (let round = 0; round < ROUNDS_MAX && decided.size < entries.length; round += 1) {
    if (round > 0) await sleep(ports.timers, PAUSE_MS * 2 ** (round - 1));
    interrupted = !ports.goesOn();
    if (interrupted) break;
    const open = entries.filter(({ entry_id }) => !decided.has(entry_id));
    for (const { entry, outcome } of await askOnce(ports, open)) if (outcome !== undefined) decided.set(entry.entry_id, outcome);
  }
  return { held: entries.map((entry) => ({ entry, outcome: decided.get(entry.entry_id) })), interrupted };
}

async function askOnce(ports: HoldPorts, entries: readonly QueueEntry[]): Promise<Held[]> {
  const from_ms = ports.clock.monotonic_ms();
  try {
    const outcomes = await ports.inventory.holdMany(entries.map(holdRequestOf));
    ports.measured(outcomes.some(isDecided) ? ports.clock.monotonic_ms() - from_ms : undefined);
    return entries.map((entry, index) => ({ entry, outcome: isDecided(outcomes[index]!) ? outcomes[index] : undefined }));
  } catch (error) {
    ports.log.warn({ error, run_id: entries[0]!.run_id, entries: entries.length }, 'places could not be held');
    ports.measured(undefined);
    return [];
  }
}

function isDecided(outcome: Result<Hold>): boolean {
  return outcome.ok || FINAL.has(outcome.error.reason) || HOLD_OVER.has(outcome.error.reason);
}

function holdRequestOf(entry: QueueEntry): HoldRequest {
  const { journey, passengers, preference, accept_same_train_change, seat_lock_id } = entry.body;
  const seat_lock = seat_lock_id === undefined ? undefined : { lock_id: seat_lock_id, account_id: entry.account_id };
  return { hold_id: holdIdOf(entry), journey, passengers, preference, channel: entry.channel, accept_same_train_change, seat_lock };
}

/** The hold of an earlier try has run out; the next try takes another id. */
export const HOLD_OVER: ReadonlySet<ErrorReason> = new Set(['HOLD_EXPIRED', 'HOLD_CONFLICT']);

/** Answers of inventory that asking again won't change. Everything else is asked again. */
const FINAL: ReadonlySet<ErrorReason> = new Set([
  'SOLD_OUT', 'SEAT_LOCKED', 'SEAT_CLASS_UNKNOWN', 'SEAT_MALFORMED', 'SEAT_NOT_FOUND', 'STOPS_NOT_ON_RUN', 'TRAIN_RUN_NOT_FOUND',
  'SALE_NOT_OPEN', 'SALE_CLOSED', 'TRAIN_DEPARTED', 'RUN_CANCELLED', 'STANDBY_REQUIRED', 'FIELD_INVALID',
  // Of a hold that does not exist yet it can only be said of the seat lock.
  'HOLD_NOT_FOUND',
]);
