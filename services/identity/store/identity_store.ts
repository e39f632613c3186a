import { writeAudits } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { FailureError, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, IdentityStore, Unit } from '../app/ports.ts';
import { accountRows } from './account_rows.ts';
import { passengerRows } from './passenger_rows.ts';
import { guessRows, sessionRows } from './session_rows.ts';
import type { Vault } from './vault.ts';

/** The database of identity as the use cases see it. */
export function createIdentityStore(db: Database, vault: Vault, clock: Clock): IdentityStore {
  return {
    async write<T>(actor: Actor, fn: (unit: Unit) => Promise<Result<T>>) {
      try {
        return await db.transaction(async (tx) => {
          const result = await fn(unitOf(tx, vault, clock, actor));
          // Only a throw undoes a transaction.
          if (!result.ok) throw new Undo(result.error);
          return result;
        });
      } catch (error) {
        if (error instanceof Undo) return { ok: false, error: error.failure };
        throw error;
      }
    },
    record: (actor, fn) => db.transaction((tx) => fn(unitOf(tx, vault, clock, actor))),
  };
}

class Undo extends FailureError {
  override name = 'Undo';
}

function unitOf(tx: Tx, vault: Vault, clock: Clock, actor: Actor): Unit {
  return {
    accounts: accountRows(tx, vault),
    sessions: sessionRows(tx, vault),
    guesses: guessRows(tx, vault),
    passengers: passengerRows(tx, vault),
    async audit(...notes) {
      const time = new Date(clock.now_ms());
      await writeAudits(tx, vault, notes.map((note) => ({ actor_account: actor.account_id, actor_service: actor.service, device_id: actor.device_id, ip: actor.ip, time, ...note })));
    },
    async once({ account_id, request_id, method, fingerprint }, run) {
      const key = { account_id, request_id, method: `rail.identity.v1.IdentityService/${method}`, body_hash: fingerprint, now_ms: clock.now_ms() };
      const answered = await withRequestId(tx, key, async () => {
        const result = await run();
        return result.ok ? ok(new TextEncoder().encode(result.value)) : result;
      });
      return answered.ok ? ok({ answer: new TextDecoder().decode(answered.value.answer), replayed: answered.value.replayed }) : answered;
    },
  };
}
