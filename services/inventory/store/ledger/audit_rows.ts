// Audit records of many holds in one statement (kit/audit writes one at a time; a tick has hundreds).
import { uuid7Bytes } from '#kit/base/uuid7.ts';
import type { Random } from '#kit/base/random.ts';
import type { SqlValue } from '#kit/store/mysql.ts';
import type { HoldChange, OperatorAct } from '../../app/ports.ts';
import { valuesOf } from './packet.ts';

const COLUMNS = 'audit_id, created_at, actor_account, actor_service, operation, target, result, request_id, version';
const OPERATION = { held: 'inventory.Hold', sold: 'inventory.Sell', released: 'inventory.Release', aborted: 'inventory.Abort' } as const;

export function auditStatement(changes: readonly HoldChange[], now_ms: number, random: Random): { sql: string; params: SqlValue[] } {
  const now = new Date(now_ms);
  const params = changes.flatMap(({ kind, hold, reason }): SqlValue[] => {
    return [uuid7Bytes(now_ms, random.bytes(10)), now, hold.account_id, 'inventory', OPERATION[kind], `hold/${hold.hold_id}`, resultOf(reason), hold.hold_id, hold.version];
  });
  return { sql: `INSERT INTO audit_record (${COLUMNS}) VALUES ${valuesOf('(?, ?, ?, ?, ?, ?, ?, ?, ?)', changes.length)}`, params };
}

/** What an operator did to a bucket or a run. The reason stands beside the target, whose column takes any script. */
export function operatorAudit({ operation, target: thing, version, act }: { operation: string; target: string; version: number; act: OperatorAct }, now_ms: number, random: Random): { sql: string; params: SqlValue[] } {
  const { account_id, service, request_id, reason } = act;
  const target = reason === '' ? thing : `${thing}: ${reason}`.slice(0, 128);
  const params: SqlValue[] = [uuid7Bytes(now_ms, random.bytes(10)), new Date(now_ms), account_id, service, `inventory.${operation}`, target, 'ok', request_id, version];
  return { sql: `INSERT INTO audit_record (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, params };
}

/** The column takes ASCII; the reason as it was said stands in the hold's row. */
function resultOf(reason: string): string {
  return reason === '' ? 'ok' : reason.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?');
}
