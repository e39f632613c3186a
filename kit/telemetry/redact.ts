import { scrubText } from '#kit/base/mask.ts';

const REDACTED = '[redacted]';

/** How deep a logged object is walked; what lies deeper is replaced, since nothing unseen may pass. */
const DEPTH_LIMIT = 8;

/** Elements of a logged list that are kept. */
const LIST_LIMIT = 100;

/**
 * A copy of a logged object without personal data and secrets. Fields are judged by name, in any spelling
 * (`id_number`, `idNumber`, `ID-Number`); free text is scrubbed of what looks like an ID number, a phone or a token.
 */
export function redact(fields: Record<string, unknown>): Record<string, unknown> {
  return walk(fields, 0) as Record<string, unknown>;
}

/** An error as fields: type, message, stack, reason and cause, scrubbed. */
export function redactError(error: unknown): unknown {
  if (!(error instanceof Error)) return walk(error, 0);
  return errorFields(error, 0);
}

/** True for a field that must never be logged in clear, by its name. */
export function isSensitive(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z]/g, '');
  return SENSITIVE.has(plain) || SENSITIVE_ENDS.some((end) => plain.endsWith(end));
}

function walk(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_LIMIT) return REDACTED;
  if (value instanceof Error) return errorFields(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, LIST_LIMIT).map((element) => walk(element, depth + 1));
  if (value instanceof Map || value instanceof Set) return walk([...value], depth);
  return walkFields(value, depth);
}

function walkFields(value: object, depth: number): object {
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    copy[name] = isSensitive(name) && field !== undefined && field !== null ? REDACTED : walk(field, depth + 1);
  }
  return copy;
}

function errorFields(error: Error, depth: number): object {
  const fields: Record<string, unknown> = { type: error.name, message: scrubText(error.message), stack: scrubText(error.stack ?? '') };
  for (const key of ['code', 'reason', 'failure', 'errno', 'sqlState'] as const) {
    if (key in error) fields[key] = walk((error as unknown as Record<string, unknown>)[key], depth + 1);
  }
  if (error.cause !== undefined) fields.cause = walk(error.cause, depth + 1);
  return fields;
}

const SENSITIVE = new Set(['name', 'names', 'address', 'authorization', 'cookie', 'setcookie', 'captcha', 'birthdate', 'credentials', 'dsn', 'sql', 'parameters', 'idno', 'pin', 'otp']);

const SENSITIVE_ENDS = [
  'passengername', 'realname', 'fullname', 'holdername', 'idnumber', 'idcard', 'documentnumber', 'passport', 'phone', 'phonenumber', 'mobile',
  'email', 'token', 'password', 'secret', 'privatekey', 'apikey', 'callerkey', 'signingkey', 'hmackey', 'cardnumber', 'bankaccount',
];
