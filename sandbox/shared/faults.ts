// Fault knobs: rules that make an outside system misbehave on purpose, set over HTTP by tests, demos and drills.
import { z } from 'zod';
import { systemRandom } from '#kit/base/random.ts';
import type { Random } from '#kit/base/random.ts';
import type { FaultKind } from './kinds.ts';

export const RULE = z.object({
  /** A path; a `*` at the end stands for the rest. For callbacks: the path that is called back. */
  path: z.string().min(1).default('*'),
  /** See kinds.ts: those of all systems, and those of this one. */
  kind: z.string().regex(/^[a-z_]{1,40}$/),
  /** How often it strikes; for ever where absent. */
  times: z.number().int().min(1).optional(),
  /** Of `delay`, of `timeout_after_success` (how long the line stays silent), or as the kind defines. */
  delay_ms: z.number().int().min(0).max(600_000).optional(),
  /** Share of the calls it strikes. */
  probability: z.number().min(0).max(1).default(1),
  /** The status of `fail`. */
  status: z.number().int().min(400).max(599).optional(),
});

export type FaultRule = z.output<typeof RULE>;
export type StoredRule = FaultRule & { rule_id: string; struck: number };

/** The rules in force. They are knobs of a test bench, not memory of the outside company: a restart clears them. */
export class Faults {
  /** What this system can be told; undefined: anything, for tests of the base. */
  readonly kinds: readonly FaultKind[] | undefined;
  readonly #random: Random;
  #rules: StoredRule[] = [];
  #next = 1;

  constructor(random: Random = systemRandom, kinds?: readonly FaultKind[]) {
    this.kinds = kinds;
    this.#random = random;
  }

  /** Whether the system knows such a fault: one that it does not know would never strike, and a test of it prove nothing. */
  knows(kind: string): boolean {
    return this.kinds === undefined || this.kinds.some((known) => known.kind === kind);
  }

  add(rule: FaultRule): StoredRule {
    if (!this.knows(rule.kind)) throw new RangeError(`this system has no fault ${rule.kind}`);
    if (this.#rules.length >= RULE_LIMIT) throw new RangeError('too many fault rules');
    const stored = { ...rule, rule_id: `f${this.#next}`, struck: 0 };
    this.#next += 1;
    this.#rules.push(stored);
    return stored;
  }

  list(): readonly StoredRule[] {
    return this.#rules;
  }

  /** Removes one rule, or all. */
  clear(rule_id?: string): void {
    this.#rules = rule_id === undefined ? [] : this.#rules.filter((rule) => rule.rule_id !== rule_id);
  }

  /** The first rule of one kind that strikes a call on this path now; that uses up one of its times. */
  take(path: string, kind: string): StoredRule | undefined {
    for (const rule of this.#rules) {
      if (rule.kind !== kind || !matches(rule.path, path)) continue;
      if (rule.times !== undefined && rule.struck >= rule.times) continue;
      if (rule.probability < 1 && this.#random.unit() >= rule.probability) continue;
      rule.struck += 1;
      return rule;
    }
    return undefined;
  }
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

const RULE_LIMIT = 1000;
