import { writeAudits, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor } from '../app/ports.ts';

export type Act = { operation: string; /** `<kind>/<id>` of the row. */ target: string; result: string; request_id?: string };

/** The audit record of a step, in the step's transaction; without an actor the service itself made it. */
export function record(tx: Tx, deps: { keys: AuditKeys; clock: Clock }, act: Act, actor?: Actor): Promise<void> {
  return recordAll(tx, deps, [act], actor);
}

/** Those of several steps of one actor. */
export async function recordAll(tx: Tx, { keys, clock }: { keys: AuditKeys; clock: Clock }, acts: readonly Act[], actor?: Actor): Promise<void> {
  const by = { actor_account: actor?.account_id ?? '', actor_service: actor?.service ?? tx.service, device_id: actor?.device_id, ip: actor?.ip, time: new Date(clock.now_ms()) };
  await writeAudits(tx, keys, acts.map((act) => ({ ...by, ...act })));
}
