/** Where an entry stands: as one answer, and as a stream of changes that says the same. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { demandOf } from '../domain/demand.ts';
import { isOpen, type EntryState, type QueueEntry } from '../domain/entry.ts';
import { isWantOfPlaces } from '../domain/standby.ts';
import { estimate_ms } from '../domain/pace.ts';
import { scoreOf } from '../domain/priority.ts';
import type { Outlooks } from './outlooks.ts';
import type { Paces } from './paces.ts';
import type { Places, Standing } from './places.ts';
import type { Ports, QueueTicket } from './ports.ts';
import { entryKey, nextSignal, runKey } from './signals.ts';

/** 排队凭据: good for 15 minutes, renewed by every answer. */
export const TOKEN_LIFE_MS = 15 * 60_000;
/** Pushes of one stream are at least this far apart; those far behind need to know their place less often. */
const COALESCE_MS = 200;
const COALESCE_MAX_MS = 5000;
const COALESCE_SHARE = 1 / 20;
/** How often a stream looks without a signal. */
const LOOK_MS = 1000;
/** An unchanged status is repeated after this time, so that both sides know the stream lives and the token is renewed. */
const HEARTBEAT_MS = 15_000;

/** Whose turn comes within so many seconds, or has so few ahead, is near: more than a Redis that restarts can have forgotten. */
const NEAR_S = 2;
const NEAR = 20;

export type QueueView = {
  token: string;
  token_expire_ms: number;
  /** While it becomes a standby it is PROCESSING. */
  state: Exclude<EntryState, 'STANDBY'>;
  ahead: number;
  length: number;
  estimate_ms: number;
  hopeless: boolean;
  order_id?: string;
  reason?: string;
  standby_id?: string;
  standby_reason?: string;
  /** A standby may be asked for instead. */
  standby_offered: boolean;
  priority: number;
  run_id: string;
};

export type StatusPorts = Pick<Ports, 'entries' | 'queue' | 'tokens' | 'clock' | 'timers' | 'signals' | 'log'> & { paces: Paces; places: Places; outlooks: Pick<Outlooks, 'isHopeless'> };

/** QUEUE_ENTRY_NOT_FOUND for a token that is not ours or of another account, QUEUE_TOKEN_EXPIRED after its time: neither signs anybody out. */
export function openToken(ports: Pick<Ports, 'tokens' | 'clock'>, token: string, account_id: string): Result<QueueTicket> {
  const ticket = ports.tokens.open(token);
  if (ticket === undefined || ticket.account_id !== account_id) return fail('QUEUE_ENTRY_NOT_FOUND', { detail: 'the queue token is not valid' });
  return ticket.expire_ms <= ports.clock.now_ms() ? fail('QUEUE_TOKEN_EXPIRED') : ok(ticket);
}

export async function queueStatus(ports: StatusPorts, token: string, account_id: string): Promise<Result<QueueView>> {
  const ticket = openToken(ports, token, account_id);
  return ticket.ok ? viewOf(ports, ticket.value) : ticket;
}

/** The status of an entry just read; `standing` where the queue has told it already. */
export async function statusOf(ports: StatusPorts, entry: QueueEntry, standing?: Standing): Promise<QueueView> {
  const place = entry.state === 'WAITING' ? (standing ?? (await ports.places.standingOfWaiting(entry))) : NOWHERE;
  return render(ports, { ...entry, demand: demandOf(entry.body) }, place);
}

/** First the status now, then each change; ends with the entry's outcome or when aborted. */
export async function* watchQueue(ports: StatusPorts, token: string, account_id: string, abort: AbortSignal): AsyncIterable<Result<QueueView>> {
  const ticket = openToken(ports, token, account_id);
  if (!ticket.ok) return yield ticket;
  const keys = [entryKey(ticket.value.entry_id), runKey(ticket.value.run_id)];
  let last: QueueView | undefined;
  let sent_ms = -Infinity;
  while (!abort.aborted) {
    const signal = nextSignal(ports, keys, LOOK_MS, abort);
    const view = await viewOf(ports, ticket.value);
    if (!view.ok) return yield view;
    const now_ms = ports.clock.monotonic_ms();
    if (last === undefined || differs(last, view.value) || now_ms - sent_ms >= HEARTBEAT_MS) {
      last = view.value;
      sent_ms = now_ms;
      yield view;
    }
    if (!isOpen(view.value.state)) return;
    await signal;
    // The outcome is told at once; positions may wait for more of their kind.
    await nextSignal(ports, keys.slice(0, 1), Math.max(0, coalesce_ms(view.value) - (ports.clock.monotonic_ms() - sent_ms)), abort);
  }
}

/**
 * While an entry is far behind, Redis alone answers: reading rows for every poll of a million people would be the outage.
 * Near the head the row is asked as well, since what is in Redis may have been served: its removal was lost with a Redis
 * that restarted, or never arrived.
 */
async function viewOf(ports: StatusPorts, ticket: QueueTicket): Promise<Result<QueueView>> {
  const standing = await ports.places.standing(ticket);
  if (standing !== undefined && standing.ahead >= NEAR + NEAR_S * (await ports.paces.drainPerSecond(ticket.run_id))) return ok(await render(ports, { ...ticket, state: 'WAITING' }, standing));
  const outcome = await ports.entries.outcome(ticket.entry_id);
  if (outcome === undefined) return fail('QUEUE_ENTRY_NOT_FOUND');
  if (outcome.state === 'WAITING') return ok(await render(ports, { ...ticket, ...outcome }, standing ?? (await ports.places.standingOfWaiting(ticket))));
  if (standing !== undefined) await ports.queue.remove(ticket.run_id, [ticket.entry_id]).catch((error: unknown) => ports.log.warn({ error, entry_id: ticket.entry_id }, 'a served entry stays in Redis'));
  return ok(await render(ports, { ...ticket, ...outcome }, NOWHERE));
}

type Shown = Pick<QueueEntry, 'entry_id' | 'run_id' | 'account_id' | 'priority' | 'sequence' | 'state' | 'order_id' | 'reason' | 'standby_id' | 'standby_reason'> & Pick<QueueTicket, 'demand'>;

async function render(ports: StatusPorts, entry: Shown, { ahead, length }: Standing): Promise<QueueView> {
  const { entry_id, run_id, account_id, priority, sequence, state, demand, reason, standby_id } = entry;
  const token_expire_ms = ports.clock.now_ms() + TOKEN_LIFE_MS;
  const waiting = state === 'WAITING';
  return {
    token: ports.tokens.seal({ entry_id, run_id, account_id, priority, sequence, expire_ms: token_expire_ms, demand }),
    token_expire_ms,
    state: state === 'STANDBY' ? 'PROCESSING' : state,
    ahead,
    length,
    estimate_ms: waiting ? estimate_ms(ahead, await ports.paces.drainPerSecond(run_id)) : 0,
    hopeless: waiting && (await ports.outlooks.isHopeless(run_id, scoreOf(priority, sequence), demand)),
    order_id: entry.order_id,
    reason: state === 'STANDBY' ? undefined : reason,
    standby_id,
    standby_reason: entry.standby_reason,
    standby_offered: state === 'FAILED' && standby_id === undefined && isWantOfPlaces(reason),
    priority,
    run_id,
  };
}

function coalesce_ms(view: QueueView): number {
  return Math.min(COALESCE_MAX_MS, Math.max(COALESCE_MS, view.estimate_ms * COALESCE_SHARE));
}

function differs(left: QueueView, right: QueueView): boolean {
  return left.state !== right.state || left.ahead !== right.ahead || left.hopeless !== right.hopeless || left.order_id !== right.order_id;
}

const NOWHERE = { ahead: 0, length: 0 };
