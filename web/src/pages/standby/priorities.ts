/** Who is served first, as the after-sales service publishes it (its domain/standby_priority.ts; a test compares them). */
export type PriorityRule = { priority: number; reason: 'WAITED' | 'MEMBER' | 'GROUP' | 'EVERYBODY'; from: number };

/** `from`: hours waited, member level, passengers. */
export const PRIORITY_RULES: readonly PriorityRule[] = [
  { priority: 0, reason: 'WAITED', from: 24 },
  { priority: 1, reason: 'MEMBER', from: 4 },
  { priority: 2, reason: 'GROUP', from: 3 },
  { priority: 3, reason: 'EVERYBODY', from: 0 },
];
