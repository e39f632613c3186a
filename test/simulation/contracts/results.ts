/** What contracts of stores look at in an answer. */
import { createHash } from 'node:crypto';
import type { Result } from '#kit/base/result.ts';

/** The reason of a refusal; `ok` where there is none. */
export function why(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.error.reason;
}

export function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
