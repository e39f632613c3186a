import { writeAudits, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';

export type Target = { target: string; version?: bigint };

/** Records who did what to tickets or orders, in the transaction of the effect. */
export type Journal = (tx: Tx, operation: string, targets: readonly Target[], actor?: Actor, result?: string) => Promise<void>;

export function createJournal(keys: AuditKeys, clock: Clock): Journal {
  return (tx, operation, targets, actor, result = 'ok') =>
    writeAudits(tx, keys, targets.map(({ target, version }) => ({
      actor_account: actor?.account_id ?? '',
      actor_service: actor?.service ?? tx.service,
      device_id: actor?.device_id,
      ip: actor?.ip,
      operation,
      target,
      result,
      version,
      time: new Date(clock.now_ms()),
    })));
}
