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
import { keepLock } from './keep_lock.ts';
import type { Ports, RequestKey } from './ports.ts';
import { statusOf, type QueueView, type StatusPorts } from './queue_status.ts';
import { resolveSubmission } from './resolve_submission.ts';
import { enteredKey } from './signals.ts';

/** 一天内 3 次: cancelled or expired unpaid orders until an account has to wait for the next day. */
export const CANCELLATIONS_MAX = 3;

export type SubmitPorts = Ports & StatusPorts;

export async function submitOrder(ports: SubmitPorts, request: SubmitRequest, actor: Actor & { account: AccountFacts }): Promise<Result<QueueView>> {
  const key = keyOf(ports, request, actor.account.account_id);
  const checked = checkRequest(request, ports.clock.now_ms());
  if (!checked.ok) return checked;
  const entry_id = entryIdOf(ports, key);
  const known = await ports.entries.find(entry_id);
  // A repeat is answered without asking anybody: the sale may have closed since the first answer.
  if (known === undefined) {
    const entered = await enter(ports, request, actor, entry_id, key);
    return entered.ok ? ok(await statusOf(ports, entered.value)) : entered;
  }
  const replay = await ports.entries.submit(known, [], key, actor);
  if (!replay.ok) return replay;
  if (known.state === 'FAILED' && known.reason === 'QUEUE_FULL') return fail('QUEUE_FULL');
  return ok(await statusOf(ports, replay.value));
}

async function enter(ports: SubmitPorts, request: SubmitRequest, actor: Actor & { account: AccountFacts }, entry_id: string, key: RequestKey): Promise<Result<QueueEntry>> {
  const { account } = actor;
  const now_ms = ports.clock.now_ms();
  if ((await ports.orders.cancellations(account.account_id, serviceDateAt(now_ms))) >= CANCELLATIONS_MAX) return fail('CANCELLATION_LIMIT');
  const assessed = await ports.risk.assess(actor, 'submit', request.captcha_token);
  if (!assessed.ok) return assessed;
  const resolved = await resolveSubmission(ports, request, actor);
  if (!resolved.ok) return resolved;

  const body: EntryBody = { ...resolved.value, city: account.city };
  const cap = await ports.paces.queueCap(request.run_id);
  // Looked at before anything is written, so that a full queue costs next to nothing.
  if ((await ports.places.length(request.run_id)) >= cap) return fail('QUEUE_FULL', FULL);
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
  if (!submitted.ok || submitted.value.state !== 'WAITING') return submitted;
  const entered = await putInQueue(ports, submitted.value, cap);
  // After the queue said yes: whoever is turned away should not keep seats for minutes.
  if (entered.ok) await keepLock(ports, entered.value);
  return entered;
}

/** After the commit: the row is the place in the queue. One that comes beyond the cap is taken back, unless it was served meanwhile. */
async function putInQueue(ports: Ports, entry: QueueEntry, cap: number): Promise<Result<QueueEntry>> {
  if ((await isBeyond(ports, entry, cap)) && (await ports.entries.end(entry.entry_id, 'FAILED', 'QUEUE_FULL', SYSTEM, 'WAITING'))) {
    await ports.queue.remove(entry.run_id, [entry.entry_id]).catch((error: unknown) => ports.log.warn({ error, entry_id: entry.entry_id }, 'a refused entry stays in Redis'));
    return fail('QUEUE_FULL', FULL);
  }
  ports.signals.emit(enteredKey(entry.run_id));
  return ok(entry);
}

/** Redis counts, exactly however many come at once; the rows are counted while it has not got the whole queue. */
async function isBeyond(ports: Ports, entry: QueueEntry, cap: number): Promise<boolean> {
  try {
    const entered = await ports.queue.enter(entry.run_id, entry.entry_id, scoreOf(entry.priority, entry.sequence), cap);
    return entered === 'full' || (entered === 'unsure' && (await ports.entries.waitingBefore(entry.run_id, entry.sequence)) >= cap);
  } catch (error) {
    // How long the queue was a moment ago had to do.
    ports.log.warn({ error, entry_id: entry.entry_id }, 'an entry waits in its row only');
    return false;
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

const FULL: Omit<Failure, 'reason'> = { retry_after_ms: 30_000 };
