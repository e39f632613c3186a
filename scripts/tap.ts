/** Reads the Test Anything Protocol as ava writes it, line by line. */
import type { Counts } from './check.ts';

export type TapEvent =
  | { kind: 'passed' | 'skipped' | 'failed'; title: string }
  /** A line that belongs to the failure before it. */
  | { kind: 'detail'; text: string };

export type TapReader = {
  /** Takes a piece of output, of any length, and returns what its finished lines say. */
  push(text: string): TapEvent[];
  counts(): Counts;
};

export function readTap(): TapReader {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let rest = '';
  let failing = false;

  function line(text: string): TapEvent[] {
    const result = /^(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO)\b.*)?$/.exec(text);
    if (!result) return failing && /^(?: {2,}|#)/.test(text) ? [{ kind: 'detail', text }] : [];
    const title = result[2] ?? '';
    const kind = result[3] ? 'skipped' : result[1] ? 'failed' : 'passed';
    failing = kind === 'failed';
    counts[kind]++;
    return [{ kind, title }];
  }

  return {
    push(text) {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop()!;
      return lines.flatMap(line);
    },
    counts: () => ({ ...counts }),
  };
}
