import type { Limit } from './limit.ts';

/** What may be judged. Each has a pace above which a captcha is asked for. */
export const OPERATIONS = ['login', 'register', 'submit', 'pay', 'refund'] as const;
export type Operation = (typeof OPERATIONS)[number];

export type Decision = 'ALLOW' | 'CHALLENGE' | 'DENY';

/** Paces that a person does not exceed; faster ones solve a captcha. */
export const DEFAULT_PACES: Record<Operation, Limit> = {
  login: { per_s: 0.2, burst: 10 },
  register: { per_s: 0.05, burst: 20 },
  submit: { per_s: 0.2, burst: 20 },
  pay: { per_s: 0.5, burst: 20 },
  refund: { per_s: 0.5, burst: 20 },
};

export function isOperation(text: string): text is Operation {
  return (OPERATIONS as readonly string[]).includes(text);
}

export type Evidence = { blocked: boolean; trusted: boolean; too_fast: boolean; captcha_solved: boolean };

/** Requirements (风控): a black list blocks, a white list passes, pace asks for a captcha, a solved captcha passes. */
export function decide({ blocked, trusted, too_fast, captcha_solved }: Evidence): { decision: Decision; reason: string } {
  if (blocked) return { decision: 'DENY', reason: 'ACCOUNT_BLOCKED' };
  if (trusted) return { decision: 'ALLOW', reason: 'WHITE_LISTED' };
  if (!too_fast) return { decision: 'ALLOW', reason: 'NORMAL' };
  return captcha_solved ? { decision: 'ALLOW', reason: 'CAPTCHA_SOLVED' } : { decision: 'CHALLENGE', reason: 'CAPTCHA_REQUIRED' };
}
