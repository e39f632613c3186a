/**
 * Seats that were given back while others wait (ADR 34): what Redis has of them, opening them when their time is over, and
 * what those who wait can be served with.
 */
import { ok, type Result } from '#kit/base/result.ts';
import { pairIndex, withPlacesFree } from '../domain/bitmap.ts';
import { freeParts } from '../domain/free_parts.ts';
import type { HeldPlace, Hold } from '../domain/hold.ts';
import { keptHoldId } from '../domain/kept_places.ts';
import { countPairsFor } from '../domain/quota_remaining.ts';
import { accessRun, accessSeats, guarded, type RunAccess } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { recordOf } from './records.ts';
import { refusal } from './refusals.ts';
import type { StretchRemaining } from './remaining.ts';

type Where = Pick<RunAccess, 'run' | 'epoch'>;

/** Somebody else who writes the record at the same moment is tried against so often. */
const MENDS_MAX = 8;

/**
 * Brings Redis' record of the kept places to what the ledger says, and frees `freed`, of which nobody knows in Redis. Changes no
 * ledger row. The places themselves need no look: what the ledger keeps was taken before and never freed. The holds of the
 * ledger as they were read for it, with `also` those of these ids.
 */
export async function mendKept(parts: Parts, run_id: string, { freed = [], also = [] }: { freed?: readonly HeldPlace[]; also?: readonly string[] } = {}): Promise<ReadonlyMap<string, Hold>> {
  for (let tried = 0; tried < MENDS_MAX; tried += 1) {
    const access = await accessRun(parts, run_id);
    if (!access.ok || access.value.retired) return new Map();
    const holds = await mendOnce(parts, access.value, freed, also);
    if (holds !== undefined) return holds;
  }
  parts.chores.later(`kept seats of ${run_id}`, () => mendKept(parts, run_id, { freed }));
  return new Map();
}

/** Undefined when somebody else changed the record meanwhile. */
async function mendOnce({ seats, ledger }: Parts, { run, epoch }: Where, freed: readonly HeldPlace[], also: readonly string[]): Promise<ReadonlyMap<string, Hold> | undefined> {
  const hold_id = keptHoldId(run.run_id);
  const [holds, record] = await Promise.all([ledger.findHolds([hold_id, ...also]), seats.recordOf(run, hold_id)]);
  const kept = holds.get(hold_id);
  if (kept === undefined) return holds;
  const { owner, seat_version: to } = kept;
  const stays = kept.state === 'HELD' ? kept.places : [];
  if (freed.length === 0 && record?.seat_version === (kept.state === 'HELD' ? to : undefined)) return holds;
  if (record !== undefined && record.seat_version > to) return undefined;
  // What is freed is freed by a record, so there is one first.
  const seat_version = record?.seat_version ?? to - 1;
  if (record === undefined && (await seats.reclaim(run, epoch, { ...recordOf(kept), seat_version })).status === 'NONE') return undefined;
  const bits = freed.length === 0 ? undefined : (await ledger.readBits([run])).get(run.run_id);
  const loose = freed.flatMap((place) => freeParts(place, bits?.occupied.get(place.class_code)?.get(place.index) ?? 0n));
  const { status } = await seats.release(run, epoch, { hold_id, owner, seat_version, freed: loose, stays, to });
  return status === 'NONE' ? undefined : holds;
}

/**
 * Redis' half of keeping: the record of the kept places becomes what the ledger has. The bits stay as they are: taken. Of
 * several that wait for their turn one is enough.
 */
export async function keepInRedis(parts: Parts, run_id: string): Promise<void> {
  if (parts.mending.has(run_id)) return;
  parts.mending.add(run_id);
  await parts.turns(run_id, () => {
    parts.mending.delete(run_id);
    return mendKept(parts, run_id);
  });
}

/** Puts kept places that nobody got in time on sale again; with `all` every one of them. Says when to look again. */
export async function openKept(parts: Parts, run_id: string, { all } = { all: false }): Promise<{ again_in_ms: number } | undefined> {
  const opened = await parts.turns(run_id, () => openOnce(parts, run_id, all ? 0 : parts.keep_ms));
  if (!opened.ok) return { again_in_ms: opened.error.retry_after_ms ?? parts.keep_ms };
  return undefined;
}

async function openOnce(parts: Parts, run_id: string, keep_ms: number): Promise<Result<undefined>> {
  const access = await accessRun(parts, run_id);
  if (!access.ok) return access;
  const { run, epoch, retired } = access.value;
  return guarded(parts, access.value, async () => {
    const opened = await parts.ledger.openKept({ run, epoch, keep_ms });
    if (opened === undefined || retired) return ok(undefined);
    const { hold_id, owner, seat_version } = opened.before;
    const free = async (): Promise<void> => {
      const { status } = await parts.seats.release(run, epoch, { hold_id, owner, seat_version, freed: opened.freed, stays: opened.stays });
      // Redis had another version of the record.
      if (status === 'NONE') await mendKept(parts, run_id, { freed: opened.freed });
    };
    await free().catch(() => parts.chores.later(`open kept seats of ${run_id}`, free));
    parts.onChanged([run_id]);
    return ok(undefined);
  });
}

/** Remaining of all pairs as those who wait can have it, and how many places are kept for them. */
export async function standbySeats(parts: Parts, run_id: string): Promise<Result<{ remaining: StretchRemaining[]; kept: number; version: number }>> {
  const access = await accessSeats(parts, run_id);
  if (!access.ok) return access;
  const { run, epoch } = access.value;
  const [[reply], held] = await Promise.all([parts.seats.snapshots([{ run, epoch }]), parts.ledger.findHolds([keptHoldId(run_id)])]);
  if (reply?.status !== 'OK') {
    parts.buckets.suspect(run.bucket, reply?.status ?? 'LOST');
    return refusal(reply?.status ?? 'LOST');
  }
  const { snapshot } = reply;
  const hold = held.get(keptHoldId(run_id));
  const kept = hold?.state === 'HELD' ? hold.places : [];
  const remaining = [...snapshot.classes].flatMap(([class_code, bits]): StretchRemaining[] => {
    const closed = snapshot.closed_quotas.filter((quota) => quota.class_code === class_code);
    const counts = countPairsFor(withPlacesFree(bits, kept.filter((place) => place.class_code === class_code)), closed, run.quotas, {});
    return pairsOf(run.segments).map(({ from, to }) => ({ class_code, from, to, remaining: counts[pairIndex(run.segments, from, to)]! }));
  });
  return ok({ remaining, kept: kept.length, version: hold?.version ?? 0 });
}

function pairsOf(segments: number): { from: number; to: number }[] {
  return Array.from({ length: segments }, (_, from) => Array.from({ length: segments - from }, (_, length) => ({ from, to: from + length + 1 }))).flat();
}
