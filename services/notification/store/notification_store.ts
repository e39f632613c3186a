import { createHash } from 'node:crypto';
import { writeAudits } from '#kit/audit/audit.ts';
import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { FailureError, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import type { OutgoingEvent } from '#kit/bus/outbox.ts';
import { withRequestId } from '#kit/store/idempotency.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, Delivered, NotificationStore, Unit } from '../app/ports.ts';
import { deliveryRows } from './delivery_rows.ts';
import { messageRows } from './message_rows.ts';
import { templateRows } from './template_rows.ts';

export type StoreParts = { keys: AuditKeys; clock: Clock; /** From events/: contracts stop there. */ toEvent: (told: readonly Delivered[]) => OutgoingEvent };

/** The database of notification as the use cases see it. */
export function createNotificationStore(db: Database, parts: StoreParts): NotificationStore {
  return {
    async write<T>(actor: Actor, fn: (unit: Unit) => Promise<Result<T>>) {
      try {
        return await db.transaction(async (tx) => {
          const result = await fn(unitOf(tx, parts, actor));
          // Only a throw undoes a transaction.
          if (!result.ok) throw new Undo(result.error);
          return result;
        });
      } catch (error) {
        if (error instanceof Undo) return { ok: false, error: error.failure };
        throw error;
      }
    },
    record: (actor, fn) => db.transaction((tx) => fn(unitOf(tx, parts, actor))),
  };
}

class Undo extends FailureError {
  override name = 'Undo';
}

/** The same over a transaction that somebody else commits: the consumer of events, with its inbox row. */
export function unitOf(tx: Tx, { keys, clock, toEvent }: StoreParts, actor: Actor): Unit {
  return {
    templates: templateRows(tx),
    messages: messageRows(tx),
    deliveries: deliveryRows(tx),
    async audit(...notes) {
      const time = new Date(clock.now_ms());
      await writeAudits(tx, keys, notes.map((note) => ({ actor_account: actor.account_id, actor_service: actor.service, device_id: actor.device_id, ip: actor.ip, time, ...note })));
    },
    async once({ account_id, request_id, method, fingerprint }, run) {
      const body_hash = createHash('sha256').update(JSON.stringify(fingerprint)).digest();
      const key = { account_id, request_id, method: `rail.notification.v1.NotificationService/${method}`, body_hash, now_ms: clock.now_ms() };
      const answered = await withRequestId(tx, key, async () => {
        const result = await run();
        return result.ok ? ok(new TextEncoder().encode(result.value)) : result;
      });
      return answered.ok ? ok({ answer: new TextDecoder().decode(answered.value.answer), replayed: answered.value.replayed }) : answered;
    },
    announce: (told) => appendEvents(tx, told.length === 0 ? [] : [toEvent(told)]),
  };
}
