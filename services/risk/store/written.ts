import { ok, type Result } from '#kit/base/result.ts';
import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';

export type Written<T> = { answer: T; operation: string; target: string; version?: number };

/** One audited write, once per request id: a repeat gets the first answer, as JSON keeps it. */
export async function writeOnce<T>(db: Database, keys: AuditKeys, actor: Actor, now_ms: number, write: (tx: Tx) => Promise<Result<Written<T>>>): Promise<Result<T>> {
  const key = { account_id: actor.account_id, request_id: actor.request_id, method: actor.method, body_hash: actor.body_hash, now_ms };
  return db.transaction(async (tx) => {
    const answered = await withRequestId(tx, key, async () => {
      const written = await write(tx);
      if (!written.ok) return written;
      const { answer, operation, target, version } = written.value;
      await writeAudit(tx, keys, {
        actor_account: actor.account_id,
        actor_service: tx.service,
        device_id: actor.device_id,
        ip: actor.ip,
        operation,
        target,
        result: 'ok',
        request_id: actor.request_id,
        version: version === undefined ? undefined : BigInt(version),
        time: new Date(now_ms),
      });
      return ok(new TextEncoder().encode(JSON.stringify(answer)));
    });
    return answered.ok ? ok(JSON.parse(new TextDecoder().decode(answered.value.answer)) as T) : answered;
  });
}
