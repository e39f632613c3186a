/**
 * Who of those that wait for the same seats is served first (requirements: 分段队列与优先级，按时间、会员、乘客数). Each run and class
 * has one queue in segments; within a segment who asked first is served first. Published, so that everybody can see why.
 *
 * Nobody starves: who has waited a day is in the first segment, and there only those go ahead who asked earlier. Larger groups
 * come before single travellers since far fewer releases can serve them.
 */
export type PriorityReason = 'WAITED' | 'MEMBER' | 'GROUP' | 'EVERYBODY';

export type StandbyPriority = { priority: number; reason: PriorityReason; waited_from_ms?: number; member_level_from?: number; passengers_from?: number };

export const WAITED_LONG_MS = 24 * 3_600_000;

/** All there are, the first one first. A request has the first that fits it. */
export const STANDBY_PRIORITIES: readonly StandbyPriority[] = [
  { priority: 0, reason: 'WAITED', waited_from_ms: WAITED_LONG_MS },
  { priority: 1, reason: 'MEMBER', member_level_from: 4 },
  { priority: 2, reason: 'GROUP', passengers_from: 3 },
  { priority: 3, reason: 'EVERYBODY' },
];

export type PriorityFacts = { waited_ms: number; /** 0 (none) … 5. */ member_level: number; passengers: number };

export function standbyPriorityOf({ waited_ms, member_level, passengers }: PriorityFacts): number {
  const found = STANDBY_PRIORITIES.find(({ waited_from_ms = 0, member_level_from = 0, passengers_from = 0 }) => waited_ms >= waited_from_ms && member_level >= member_level_from && passengers >= passengers_from);
  return found!.priority;
}

/** Below 2^53, so exact as a number: the priority over 2^46 sequence numbers. */
const SEQUENCE_LIMIT = 2 ** 46;

/** The one order in which the requests of a run are served; `sequence` counts them as they came. */
export function rankOf(priority: number, sequence: number): number {
  if (sequence < 0 || sequence >= SEQUENCE_LIMIT) throw new RangeError('standby sequence out of range');
  return priority * SEQUENCE_LIMIT + sequence;
}

export function priorityOfRank(rank: number): number {
  return Math.floor(rank / SEQUENCE_LIMIT);
}
