import type { Limit, LimitKind, Take, Taken } from '../domain/limit.ts';
import { isLimitKind } from '../domain/limit.ts';
import { listedAs, type SubjectKind } from '../domain/block.ts';
import type { BlockIndex, Buckets } from './ports.ts';

/** What Envoy asks about: one entry a descriptor is all that our edge sends. */
export type Descriptor = { key: string; value: string };

export type LimitAnswer = { over: boolean; statuses: { limit: Limit | undefined; taken: Taken | undefined }[]; wait_ms: number };

export type LimitDeps = { buckets: Buckets; blocks: BlockIndex; limitOf: (kind: LimitKind) => Limit; now_ms: () => number };

const SUBJECT_OF: Record<LimitKind, SubjectKind> = { account: 'ACCOUNT', device: 'DEVICE', remote_address: 'IP' };

/** Until a blocked subject may ask again: it will still be blocked, but need not be told each second. */
const BLOCKED_WAIT_MS = 60_000;

const MAX_VALUE_LENGTH = 128;

/**
 * Takes one token (or `hits`) from the bucket of each descriptor; over when any bucket is empty or any subject is black
 * listed. White-listed subjects are not counted. Throws when Redis is away: the edge decides by route what that means.
 */
export async function shouldLimit({ buckets, blocks, limitOf, now_ms }: LimitDeps, descriptors: readonly Descriptor[], hits: number): Promise<LimitAnswer> {
  const listed = descriptors.map(({ key, value }) => (isLimitKind(key) ? listedAs(blocks.of(SUBJECT_OF[key], value), now_ms()) : 'WHITE'));
  if (listed.includes('BLACK')) {
    return { over: true, statuses: descriptors.map(() => ({ limit: undefined, taken: undefined })), wait_ms: BLOCKED_WAIT_MS };
  }
  const takes = descriptors.map(({ key, value }, index): Take | undefined =>
    isLimitKind(key) && listed[index] !== 'WHITE' ? { kind: key, value: value.slice(0, MAX_VALUE_LENGTH), limit: limitOf(key) } : undefined,
  );
  const counted = takes.filter((take) => take !== undefined);
  const taken = counted.length === 0 ? [] : await buckets.take(counted, Math.max(1, hits));
  const statuses = takes.map((take) => ({ limit: take?.limit, taken: take === undefined ? undefined : taken[counted.indexOf(take)] }));
  const refused = taken.filter((one) => !one.allowed);
  return { over: refused.length > 0, statuses, wait_ms: Math.max(0, ...refused.map((one) => one.wait_ms)) };
}
