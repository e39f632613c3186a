import { IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import { parseIdNumber } from '#kit/base/id_number.ts';
import type { Dictionary } from '../../i18n/zh.ts';

type Problem = keyof Dictionary['passengers']['problem'];

/** What is wrong with a document number, or undefined. Resident ID numbers by GB 11643; of others only the shape is known. */
export function idNumberProblem(id_type: IdType, id_number: string, today: string): Problem | undefined {
  if (id_type !== IdType.RESIDENT) return /^[A-Za-z0-9]{5,20}$/.test(id_number.trim()) ? undefined : 'document';
  const parsed = parseIdNumber(id_number, today);
  if (parsed.ok) return undefined;
  const problem = parsed.error.metadata?.['problem'];
  return problem === 'region' || problem === 'birth_date' || problem === 'check_digit' ? problem : 'length';
}

/** True for a name as documents print it: two letters or characters at least, no digits. */
export function isName(name: string): boolean {
  return /^[\p{L}][\p{L}\p{M}·.' -]{0,48}[\p{L}.]$/u.test(name.trim());
}
