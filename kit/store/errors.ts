// What can go wrong between us and a store, sorted by what the caller may do about it. Each is a FailureError, so that
// one which nobody handled reaches the client as its typed reason.
import { FailureError } from '#kit/base/result.ts';

/** The store can't be reached or doesn't answer. Nothing was changed by the call that threw this; try again later. */
export class StoreUnavailable extends FailureError {
  override name = 'StoreUnavailable';

  constructor(detail: string, options?: ErrorOptions) {
    super({ reason: 'DEPENDENCY_UNAVAILABLE', detail, retry_after_ms: 1_000 }, options);
  }
}

/**
 * The connection broke while a COMMIT (or a single autocommitted write) was under way: the change may or may not
 * stand. Only reading it back, or repeating an idempotent write, tells.
 */
export class CommitUnknown extends FailureError {
  override name = 'CommitUnknown';

  constructor(detail: string, options?: ErrorOptions) {
    super({ reason: 'OUTCOME_UNKNOWN', detail, retry_after_ms: 1_000 }, options);
  }
}

/** A statement or a transaction passed its deadline; it was rolled back and its connection closed. */
export class StatementTimeout extends FailureError {
  override name = 'StatementTimeout';

  constructor(detail: string, options?: ErrorOptions) {
    super({ reason: 'DEADLINE', detail }, options);
  }
}

/** Deadlocks and lock waits went on for all attempts. Nothing was changed. */
export class ContentionError extends FailureError {
  override name = 'ContentionError';

  constructor(detail: string, options?: ErrorOptions) {
    super({ reason: 'CONFLICT', detail, retry_after_ms: 1_000 }, options);
  }
}

/** MySQL's error numbers, from https://mariadb.com/kb/en/mariadb-error-codes/ (the same in MySQL 8). */
export const MYSQL_ERRNO = {
  duplicate_entry: 1062,
  duplicate_column: 1060,
  duplicate_key_name: 1061,
  nothing_to_drop: 1091,
  lock_wait_timeout: 1205,
  deadlock: 1213,
  savepoint_unknown: 1305,
} as const;

/** The server says it can't serve anybody now; the statement was not executed. */
const UNAVAILABLE_ERRNO: ReadonlySet<number> = new Set([
  1040, // too many connections
  1053, // server shutdown in progress
  1077, // normal shutdown
  1079, // forced close of a thread at shutdown
  1152, // aborted connection
  1158, 1159, 1160, 1161, // network errors
  1184, // new aborted connection
  1203, // too many user connections
  1290, // --read-only: a demoted primary
  1836, // read-only mode
  1927, // connection was killed
]);

const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_ENQUEUE_AFTER_QUIT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** True when MySQL refused a row because its key is taken. `key` narrows it to one index, by the server's message. */
export function isDuplicateKey(error: unknown, key?: string): boolean {
  if (errnoOf(error) !== MYSQL_ERRNO.duplicate_entry) return false;
  return key === undefined || messageOf(error).includes(key);
}

/** True when a column or key that a statement adds is there already or one that it drops is gone, which `IF NOT EXISTS` can't say in MySQL. */
export function isDoneBefore(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === MYSQL_ERRNO.duplicate_column || errno === MYSQL_ERRNO.duplicate_key_name || errno === MYSQL_ERRNO.nothing_to_drop;
}

/** True when the whole transaction should be run again: it lost a deadlock or waited too long for a row. */
export function isContention(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === MYSQL_ERRNO.deadlock || errno === MYSQL_ERRNO.lock_wait_timeout;
}

/** True when an error of mysql2 means that the connection or the server is gone. */
export function isConnectionError(error: unknown): boolean {
  const errno = errnoOf(error);
  if (errno !== undefined && errno > 0 && UNAVAILABLE_ERRNO.has(errno)) return true;
  return CONNECTION_CODES.has(codeOf(error)) || messageOf(error) === 'Pool is closed.';
}

/**
 * True when an error says that one of our own stores (database, Redis, bus) is away, so that the work should wait
 * instead of being counted as failed. Looks through `cause`, to a depth of 8.
 */
export function isOutage(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    if (current instanceof StoreUnavailable || current instanceof CommitUnknown) return true;
    if (isRedisOutage(current)) return true;
    current = current.cause;
  }
  return false;
}

// The last line is what a cluster says while a master is replaced or a slot is moved.
const REDIS_OUTAGE_TEXT = new RegExp(
  '^(Connection is closed|Command timed out|Stream isn\'t writeable|Failed to refresh slots cache|None of startup nodes|LOADING|MASTERDOWN' +
  '|CLUSTERDOWN|TRYAGAIN|READONLY|Too many Cluster redirections|Cluster isn\'t ready|Cluster is ended)',
);

/** True for errors by which ioredis says that Redis can't be reached. */
export function isRedisOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'MaxRetriesPerRequestError' || error.name === 'ClusterAllFailedError') return true;
  return REDIS_OUTAGE_TEXT.test(error.message);
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function errnoOf(error: unknown): number | undefined {
  const errno = (error as { errno?: unknown } | null)?.errno;
  return typeof errno === 'number' ? errno : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
