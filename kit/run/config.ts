import { z } from 'zod';
import { fromHex } from '#kit/base/bytes.ts';

/** Every problem of the configuration in one error, by the name of its environment variable and without any value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads the configuration once at start-up. The field `redis_url` comes from REDIS_URL; an empty variable counts as
 * absent. Throws ConfigError; never shows a value, since some are secrets.
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Record<string, string | undefined> = process.env): z.output<S> {
  const given: Record<string, string> = {};
  for (const field of Object.keys(schema.shape)) {
    const value = env[envName(field)];
    if (value !== undefined && value !== '') given[field] = value;
  }
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => problemOf(issue, given)));
}

/** REDIS_URL for `redis_url`. */
export function envName(field: string): string {
  return field.toUpperCase();
}

/** `host:port`, also `[::1]:50051`. */
export const hostPort = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, 'must be host:port').refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'must be host:port');

/** One `host:port`, or several separated by commas: one for each process of the service. */
export const hostPorts = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
  .pipe(z.array(hostPort).min(1, 'must be host:port'));

/** A TCP port; 0 takes a free one. */
export const port = z.coerce.number().int().min(0).max(65_535);

export const url = z.url('must be a URL');

/** Milliseconds, a whole number. */
export const milliseconds = z.coerce.number().int().min(0);

/** A whole number greater than zero. */
export const count = z.coerce.number().int().min(1);

/** `true` or `false`, spelled out or as 1 and 0. */
export const flag = z.enum(['true', 'false', '1', '0'], 'must be true or false').transform((text) => text === 'true' || text === '1');

/** Addresses or names separated by commas; empty parts are dropped. */
export const list = z.string().transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''));

/** A secret of a known length as hexadecimal digits (`openssl rand -hex 32`). */
export function hexKey(bytes: number): z.ZodType<Uint8Array, string> {
  return z.string().transform((text, check) => {
    const key = fromHex(text);
    if (key?.length === bytes) return key;
    check.addIssue({ code: 'custom', message: `must be ${bytes * 2} hexadecimal digits` });
    return z.NEVER;
  });
}

/** Several secrets, newest first, separated by commas: sign with the first, accept all, so that keys can be rotated. */
export function hexKeys(bytes: number): z.ZodType<Uint8Array[], string> {
  return z.string().transform((text, check) => {
    const keys = text.split(',').map((part) => fromHex(part.trim()));
    if (keys.every((key) => key?.length === bytes)) return keys as Uint8Array[];
    check.addIssue({ code: 'custom', message: `must be keys of ${bytes * 2} hexadecimal digits, separated by commas` });
    return z.NEVER;
  });
}

function problemOf(issue: z.core.$ZodIssue, given: Record<string, string>): string {
  const field = String(issue.path[0] ?? '');
  return `${envName(field)}: ${field in given ? issue.message : 'is missing'}`;
}
