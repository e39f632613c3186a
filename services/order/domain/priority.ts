/** Priorities of the waiting queue. Published with every queue status; 0 is the highest. */

export type PriorityFacts = {
  /** 0 (none) … 5. */
  member_level: number;
  /** Accompanied needs, checked by the caller. */
  accompanied_need: boolean;
};

export type PriorityReason = 'ACCOMPANIED_NEED' | 'MEMBER' | 'EVERYBODY';

/** From here on a member goes ahead (requirements: 优先级 by member and needs). */
const MEMBER_LEVEL_AHEAD = 4;

/** All there are and why somebody has one, the highest first; told with every queue status. */
export const PUBLISHED: readonly { priority: number; reason: PriorityReason; member_level_from?: number }[] = [
  { priority: 0, reason: 'ACCOMPANIED_NEED' },
  { priority: 1, reason: 'MEMBER', member_level_from: MEMBER_LEVEL_AHEAD },
  { priority: 2, reason: 'EVERYBODY' },
];

export const PRIORITIES: readonly number[] = PUBLISHED.map(({ priority }) => priority);

/** 0: accompanied needs; 1: members of the two highest levels; 2: everybody else. */
export function priorityOf({ member_level, accompanied_need }: PriorityFacts): number {
  if (accompanied_need) return 0;
  return member_level >= MEMBER_LEVEL_AHEAD ? 1 : 2;
}

/** Below 2^53: three bits of priority over 2^46 sequence numbers, exact in the double that Redis keeps as a score. */
export const SEQUENCE_LIMIT = 2 ** 46;

/** The order in which a run's entries are served: by priority, then by arrival. */
export function scoreOf(priority: number, sequence: number): number {
  if (sequence < 0 || sequence >= SEQUENCE_LIMIT) throw new RangeError('queue sequence out of range');
  return priority * SEQUENCE_LIMIT + sequence;
}
