/** Priorities of the waiting queue. Published with every queue status; 0 is the highest. */

export type PriorityFacts = {
  /** 0 (none) … 5. */
  member_level: number;
  /** Accompanied needs, checked by the caller. */
  accompanied_need: boolean;
};

/** All there are, the highest first. */
export const PRIORITIES = [0, 1, 2] as const;

/** From here on a member goes ahead (requirements: 优先级 by member and needs). */
const MEMBER_LEVEL_AHEAD = 4;

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
