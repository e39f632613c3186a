import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';

/** Records who did what to a ticket, in the transaction of the effect. */
export type Journal = (tx: Tx, operation: string, target: string, actor?: Actor, result?: string, version?: bigint) => Promise<void>;

export function createJournal(keys: AuditKeys, clock: Clock): Journal {
  return (tx, operation, target, actor, result = 'ok', version) =>
    writeAudit(tx, keys, {
      actor_account: actor?.account_id ?? '',
      actor_service: actor?.service ?? tx.service,
      device_id: actor?.device_id,
      ip: actor?.ip,
      operation,
      target,
      result,
      version,
      time: new Date(clock.now_ms()),
    });
}
