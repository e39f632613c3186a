/**
 * SubmitOrder (ARCHITECTURE, "Buying a ticket" 2): checks everything that can be checked without a seat, claims the
 * passengers' time and enters the run's waiting queue. The row is the truth; Redis only makes it fast.
 */
import { fail, ok, type Failure, type Result } from '#kit/base/result.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { formatUuid7, uuid7Time_ms } from '#kit/base/uuid7.ts';
import { bucketOf } from '#kit/base/hash.ts';
import { channelOf } from '../domain/channel.ts';
import { claimsOf } from '../domain/claim.ts';
import { QUEUE_BUCKETS, type EntryBody, type QueueEntry } from '../domain/entry.ts';
import { priorityOf, scoreOf } from '../domain/priority.ts';
import { checkRequest, type SubmitRequest } from '../domain/request.ts';
import { SYSTEM, type AccountFacts, type Actor } from './actor.ts';
import { switchFromFullQueue } from './enter_standby.ts';
import { keepLock } from './keep_lock.ts';
import type { Standing } from './places.ts';
import type { Ports, RequestKey } from './ports.ts';
import { statusOf, type QueueView, type StatusPorts } from './queue_status.ts';
import { resolveSubmission } from './resolve_submission.ts';
import { enteredKey } from './signals.ts';

/** 一天内 3 次: cancelled or expired unpaid orders until an account has to wait for the next day. */
export const CANCELLATIONS_MAX = 3;

const FULL_RETRY_MS = 30_000;

export type SubmitPorts = Ports & StatusPorts;

export async function submitOrder(ports: SubmitPorts, request: SubmitRequest, actor: Actor & { account: AccountFacts }): Promise<Result<QueueView>> {
  const key = keyOf(ports, request, actor.account.account_id);
  const checked = checkRequest(request, ports.clock.now_ms());
  if (!checked.ok) return checked;
  const entry_id = entryIdOf(ports, key);
  // Both are asked for at once, so they share a packet.
  const [known, cancelled] = await Promise.all([ports.entries.find(entry_id), ports.orders.cancellations(actor.account.account_id, serviceDateAt(ports.clock.now_ms()))]);
  // A repeat is answered without asking anybody: the sale may have closed since the first answer.
  if (known === undefined) {
    if (cancelled >= CANCELLATIONS_MAX) return fail('CANCELLATION_LIMIT');
    const entered = await enter(ports, request, actor, entry_id, key);
    return entered.ok ? answerOf(ports, request, entered.value) : entered;
  }
  const replay = await ports.entries.submit(known, [], key, actor);
  if (!replay.ok) return replay;
  return answerOf(ports, request, { entry: replay.value });
}

/** An entry, and where it stands where that is known already. */
type Entered = { entry: QueueEntry; standing?: Standing | undefined };
type Placed = { beyond: boolean; standing?: Standing };

async function enter(ports: SubmitPorts, request: SubmitRequest, actor: Actor & { account: AccountFacts }, entry_id: string, key: RequestKey): Promise<Result<Entered>> {
  const { account } = actor;
  const now_ms = ports.clock.now_ms();
  const [assessed, resolved, cap, length] = await Promise.all([
    ports.risk.assess(actor, 'submit', request.captcha_token),
    resolveSubmission(ports, request, actor),
    ports.paces.queueCap(request.run_id),
    ports.places.length(request.run_id),
  ]);
  if (!assessed.ok) return assessed;
  if (!resolved.ok) return resolved;

  const waits = request.accept_standby && ports.standbys !== undefined;
  const body: EntryBody = { ...resolved.value, city: account.city, ...(waits ? { standby: { member_level: account.member_level } } : {}) };
  // Looked at before anything is written, so that a full queue costs little; for who is to wait elsewhere the row says so.
  if (length >= cap && !waits) return full(request);
  const priority = priorityOf({ member_level: account.member_level, accompanied_need: request.accompanied_need && hasNeed(body) });
  const submitted = await ports.entries.submit(
    {
      entry_id,
      account_id: account.account_id,
      tenant: account.tenant,
      channel: channelOf(account.channel),
      request_id: request.request_id,
      run_id: request.run_id,
      bucket: bucketOf(request.run_id, QUEUE_BUCKETS),
      priority,
      body,
      enter_ms: now_ms,
    },
    claimsOf(body.passengers, { start_ms: body.journey.departure_ms, end_ms: body.journey.arrival_ms }),
    key,
    actor,
  );
  // Of two at once with one request id the second gets the entry as the first has it, perhaps served already.
  if (!submitted.ok) return submitted;
  const entry = submitted.value;
  if (entry.state !== 'WAITING') return ok({ entry });
  const placed = length >= cap ? { beyond: true } : await placeOf(ports, entry, cap);
  if (placed.beyond && waits) {
    const turned = await switchFromFullQueue(ports, entry, length);
    if (turned !== undefined) {
      await forgetPlace(ports, entry);
      return ok({ entry: turned });
    }
  } else if (placed.beyond && (await takenBack(ports, entry))) return full(request);
  ports.signals.emit(enteredKey(request.run_id));
  // After the queue said yes: whoever is turned away should not keep seats for minutes.
  await keepLock(ports, entry);
  return ok({ entry, standing: placed.standing });
}

/** After the commit: the row is the place in the queue. One that comes beyond the cap is taken back, unless it was served meanwhile. */
async function takenBack(ports: Ports, entry: QueueEntry): Promise<boolean> {
  if (!(await ports.entries.end(entry.entry_id, 'FAILED', 'QUEUE_FULL', SYSTEM, 'WAITING'))) return false;
  await forgetPlace(ports, entry);
  return true;
}

async function forgetPlace({ queue, log }: Ports, { run_id, entry_id }: QueueEntry): Promise<void> {
  await queue.remove(run_id, [entry_id]).catch((error: unknown) => log.warn({ error, entry_id }, 'a refused entry stays in Redis'));
}

/** Redis counts, exactly however many come at once; the rows are counted while it has not got the whole queue. */
async function placeOf(ports: Ports, entry: QueueEntry, cap: number): Promise<Placed> {
  try {
    const entered = await ports.queue.enter(entry.run_id, entry.entry_id, scoreOf(entry.priority, entry.sequence), cap);
    if (entered === undefined) return { beyond: true };
    const { unsure, ...standing } = entered;
    return { beyond: unsure && (await ports.entries.waitingBefore(entry.run_id, entry.sequence)) >= cap, standing };
  } catch (error) {
    // How long the queue was a moment ago had to do.
    ports.log.warn({ error, entry_id: entry.entry_id }, 'an entry waits in its row only');
    return { beyond: false };
  }
}

/** The same request gives the same entry, whichever process gets the repeat. */
function entryIdOf(ports: Ports, { account_id, request_id }: RequestKey): string {
  return formatUuid7(uuid7Time_ms(request_id) ?? 0, ports.hash(`entry ${account_id} ${request_id}`));
}

/** What makes a request the same one. The captcha is left out: a repeat after a challenge brings a new one. */
function keyOf(ports: Ports, request: SubmitRequest, account_id: string): RequestKey {
  const { request_id, captcha_token: _captcha, ...body } = request;
  return { account_id, request_id, method: 'SubmitOrder', body_hash: ports.hash(JSON.stringify(body)) };
}

function hasNeed(body: EntryBody): boolean {
  return body.passengers.some(({ passenger_type }) => passenger_type === 'CHILD' || passenger_type === 'DISABLED_VETERAN');
}

/** Where the entry stands, or that the queue is full and nothing waits instead. */
async function answerOf(ports: SubmitPorts, request: SubmitRequest, { entry, standing }: Entered): Promise<Result<QueueView>> {
  const { state, reason, standby_id, standby_reason } = entry;
  if (state === 'FAILED' && reason === 'QUEUE_FULL' && standby_id === undefined) return full(request, standby_reason);
  return ok(await statusOf(ports, entry, standing));
}

/** The standby list is offered. Who accepted it before hears why it was not entered: it was refused, or there is none here. */
function full({ accept_standby }: SubmitRequest, standby_reason?: string): { ok: false; error: Failure } {
  const metadata: Record<string, string> = standby_reason === undefined ? { standby: accept_standby ? 'wanted' : 'offered' } : { standby: 'refused', standby_reason };
  return fail('QUEUE_FULL', { retry_after_ms: FULL_RETRY_MS, metadata });
}
