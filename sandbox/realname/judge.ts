// How the authority of the sandbox decides. It knows nobody: a number is right when its check digit is.
import { parseIdNumber } from '#kit/base/id_number.ts';
import { serviceDateAt } from '#kit/base/time.ts';

export type Verdict = 'VERIFIED' | 'REJECTED';
export type Question = { name: string; id_type: string; id_number: string };

/** Names that never belong to their number, so that tests and demos can see a rejection. */
export const REJECTED_NAMES: ReadonlySet<string> = new Set(['测试拒绝', '张冠李戴', 'Test Rejected']);

export function judge({ name, id_type, id_number }: Question, now_ms: number): Verdict {
  if (REJECTED_NAMES.has(name.trim())) return 'REJECTED';
  if (id_type === 'RESIDENT') return parseIdNumber(id_number, serviceDateAt(now_ms)).ok ? 'VERIFIED' : 'REJECTED';
  return /^[A-Z0-9]{5,18}$/i.test(id_number) ? 'VERIFIED' : 'REJECTED';
}
