import { fail, ok, type Result } from '#kit/base/result.ts';
import { freeParts } from '../domain/free_parts.ts';
import type { Hold, HoldOwner } from '../domain/hold.ts';
import { accessRun, guarded, type RunAccess } from './hold_access.ts';
import { keepInRedis } from './kept_seats.ts';
import type { Parts } from './parts.ts';
import type { Released } from './ports.ts';
import { recordOf } from './records.ts';
import { refusal } from './refusals.ts';

export type ReleaseRequest = {
  hold_id: string;
  run_id: string;
  owner: HoldOwner;
  /** 0 for whatever version the owner has. */
  version: number;
  /** All where empty. */
  item_ids: readonly string[];
  reason: string;
  only_expired?: boolean;
  account_id?: string;
};

/**
 * Gives places back: ledger first, then Redis, which frees by consuming the hold's record and so at most once. An unknown
 * hold gets a tombstone, so that it can't come into being later. Repeatable: what is released already is answered as it is.
 */
export async function releaseHold(parts: Parts, wish: ReleaseRequest): Promise<Result<Hold>> {
  const access = await accessRun(parts, wish.run_id);
  if (!access.ok) return access;
  return guarded(parts, access.value, async () => {
    const known = (await parts.ledger.findHolds([wish.hold_id])).get(wish.hold_id) ?? (await bury(parts, access.value, wish));
    if (known === undefined) return fail('CONFLICT', { detail: 'the hold is being made', retry_after_ms: 100 });
    const allowed = check(known, wish);
    if (!allowed.ok) return allowed;
    if (allowed.value === 'DONE') return finish(parts, access.value, known);
    return release(parts, access.value, wish, known);
  });
}

/** A tombstone, and the end of what Redis may have placed. Undefined when the hold came into being at this moment. */
async function bury(parts: Parts, { run, epoch, retired }: RunAccess, { hold_id, owner, reason }: ReleaseRequest): Promise<Hold | undefined> {
  const buried = await parts.ledger.tombstone({ hold_id, run, epoch, owner, body_hash: new Uint8Array(16), reason: reason === '' ? 'released' : reason });
  if (buried && !retired) {
    const free = () => parts.seats.release(run, epoch, { hold_id, owner, seat_version: 1, freed: 'ALL', stays: [] });
    await free().catch(() => parts.chores.later(`free ${hold_id}`, free));
    parts.onChanged([run.run_id]);
  }
  return (await parts.ledger.findHolds([hold_id])).get(hold_id);
}

function check(hold: Hold, { run_id, owner, version, item_ids, account_id }: ReleaseRequest): Result<'GO' | 'DONE'> {
  if (hold.run_id !== run_id || hold.owner !== owner) return fail('HOLD_CONFLICT', { detail: 'another owner' });
  if (account_id !== undefined && hold.account_id !== account_id) return fail('HOLD_NOT_FOUND');
  if (hold.state === 'RELEASED' || hold.state === 'ABORTED') return ok('DONE');
  if (item_ids.length > 0 && !hold.places.some(({ item_id }) => item_ids.includes(item_id))) return ok('DONE');
  if (version !== 0 && hold.version !== version) return fail('VERSION_STALE');
  return ok('GO');
}

/**
 * A repeat. When the answer to the first was lost, so may be its Redis half: freeing by the record happens once only, and
 * never what the ledger has as taken, since the places may be kept for those who wait.
 */
async function finish(parts: Parts, { run, epoch, retired }: RunAccess, hold: Hold): Promise<Result<Hold>> {
  if (hold.state === 'RELEASED' && !retired) {
    const bits = (await parts.ledger.readBits([run])).get(run.run_id);
    const freed = hold.places.flatMap((place) => freeParts(place, bits?.occupied.get(place.class_code)?.get(place.index) ?? 0n));
    await freeInRedis(parts, { run, epoch }, { hold, before: { ...hold, seat_version: hold.seat_version - 1 }, freed });
  }
  return ok(hold);
}

async function release(parts: Parts, { run, epoch, retired }: RunAccess, wish: ReleaseRequest, known: Hold): Promise<Result<Hold>> {
  if (known.state === 'SOLD' && !retired) {
    const reply = await parts.seats.reclaim(run, epoch, recordOf(known));
    if (reply.status !== 'OK' && reply.status !== 'NONE') {
      parts.buckets.suspect(run.bucket, reply.status);
      return refusal(reply.status);
    }
  }
  const version = wish.version === 0 ? undefined : wish.version;
  const released = await parts.ledger.release({ ...wish, run, epoch, version });
  if (released === undefined) {
    const now = (await parts.ledger.findHolds([wish.hold_id])).get(wish.hold_id);
    if (wish.only_expired === true && now !== undefined) return ok(now);
    return now?.state === 'RELEASED' ? ok(now) : fail('VERSION_STALE');
  }
  if (retired) return ok(released.hold);
  // Whoever claims what is kept looks at Redis first, so those who wait are told before Redis is.
  if (released.kept === true) parts.onKept(run.run_id, released.freed.length);
  const free = () => freeInRedis(parts, { run, epoch }, released);
  await free().catch(() => parts.chores.later(`free ${wish.hold_id}`, free));
  parts.onChanged([run.run_id]);
  return ok(released.hold);
}

/** Whatever Redis answers that is no error is fine: a bucket of another epoch was rebuilt from a ledger that has the release. */
async function freeInRedis(parts: Parts, { run, epoch }: Pick<RunAccess, 'run' | 'epoch'>, { before, hold, freed, kept }: Released): Promise<void> {
  const stays = hold.state === 'RELEASED' ? [] : hold.places;
  // What is kept stays taken; only whose it is changes.
  const loose = kept === true ? freed.filter(({ index }) => index < 0) : freed;
  await parts.seats.release(run, epoch, { hold_id: hold.hold_id, owner: hold.owner, seat_version: before.seat_version, freed: loose, stays });
  if (hold.state === 'SOLD') await parts.seats.sell(run, epoch, hold);
  if (kept !== true) return;
  // Whose the seats are is looked at by every claim anyway, so nobody waits for it here.
  const keep = () => keepInRedis(parts, run.run_id);
  void keep().catch(() => parts.chores.later(`keep seats of ${run.run_id}`, keep));
}
