// One effect per request id: the first answer is stored in the transaction of the effect, a repeat gets it again.
import { fail, ok, type Result } from '#kit/base/result.ts';
import { isUuid7, uuid7Time_ms } from '#kit/base/uuid7.ts';
import { isDuplicateKey } from './errors.ts';
import type { Tx } from './mysql.ts';

export interface RequestKey {
  /** The account that asks; of a system caller its service name. An id of another account is another request. */
  readonly account_id: string | bigint;
  readonly request_id: string;
  /** Full name of the gRPC method. */
  readonly method: string;
  /** SHA-256 of what was asked, without the request id and without fields that may differ in a repeat. 32 bytes. */
  readonly body_hash: Uint8Array;
  readonly now_ms: number;
}

export interface Answer {
  readonly answer: Uint8Array;
  /** True when it was given before and nothing ran now. */
  readonly replayed: boolean;
}

/** Answers are kept this long (DESIGN §5); a request id older than that can't be told from a new one, so it is refused. */
export const REQUEST_ID_LIFE_MS = 7 * 24 * 3_600_000;
/** How far a caller's clock may be ahead of ours. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Runs `run` once per (account, request id) and stores its answer in the same transaction. Of two at once the second
 * waits for the first and gets its answer. A Failure of `run` undoes what `run` wrote and is not stored, so the same id
 * may be tried again. Refuses with REQUEST_ID_INVALID, REQUEST_ID_EXPIRED or REQUEST_ID_REUSED (other body or method).
 *
 * Call it first in the transaction, before any lock: a repeat then waits for nothing but the first one's end.
 */
export async function withRequestId(tx: Tx, key: RequestKey, run: (tx: Tx) => Promise<Result<Uint8Array>>): Promise<Result<Answer>> {
  const checked = checkRequestId(key.request_id, key.now_ms);
  if (!checked.ok) return checked;
  if (key.body_hash.length !== 32) throw new Error('body_hash must be a SHA-256');

  const start = await tx.savepoint();
  if (!(await claim(tx, key))) return firstAnswer(tx, key);
  const result = await run(tx);
  if (!result.ok) {
    await start.rollback();
    return result;
  }
  await tx.later('UPDATE idempotency SET answer = ? WHERE account_id = ? AND request_id = ?', [result.value, ...idOf(key)]);
  return ok({ answer: result.value, replayed: false });
}

/** The checks that need no database, for callers that want to refuse early. */
export function checkRequestId(request_id: string, now_ms: number): Result<undefined> {
  const time_ms = isUuid7(request_id) ? uuid7Time_ms(request_id) : undefined;
  if (time_ms === undefined) return fail('REQUEST_ID_INVALID');
  if (time_ms > now_ms + CLOCK_SKEW_MS) return fail('REQUEST_ID_INVALID', { detail: 'the request id lies in the future' });
  if (time_ms < now_ms - REQUEST_ID_LIFE_MS) return fail('REQUEST_ID_EXPIRED');
  return ok(undefined);
}

async function claim(tx: Tx, key: RequestKey): Promise<boolean> {
  try {
    await tx.execute('INSERT INTO idempotency (account_id, request_id, method, body_hash, created_at) VALUES (?, ?, ?, ?, UTC_TIMESTAMP(3))', [
      ...idOf(key),
      key.method,
      key.body_hash,
    ]);
    return true;
  } catch (error) {
    // Only this key: MySQL has waited for the other transaction, so its row is committed and visible now.
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

async function firstAnswer(tx: Tx, key: RequestKey): Promise<Result<Answer>> {
  const [row] = await tx.execute<{ method: string; body_hash: Buffer; answer: Buffer | null }>(
    'SELECT method, body_hash, answer FROM idempotency WHERE account_id = ? AND request_id = ?',
    idOf(key),
  );
  // Pruned between the two statements, or never answered: both need a fresh look by the caller.
  if (row === undefined || row.answer === null) return fail('CONFLICT', { detail: 'the first request with this id is not finished' });
  if (row.method !== key.method || !row.body_hash.equals(key.body_hash)) return fail('REQUEST_ID_REUSED');
  return ok({ answer: new Uint8Array(row.answer), replayed: true });
}

function idOf(key: RequestKey): [string, Buffer] {
  return [String(key.account_id), Buffer.from(key.request_id.replaceAll('-', ''), 'hex')];
}
