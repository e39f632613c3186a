import type { Clock } from '#kit/base/clock.ts';
import { writeAudits, type AuditKeys } from '#kit/audit/audit.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { changedEvent, entryFailedEvent, placedEvent } from '../events/encode.ts';
import type { WriteTools } from '../store/order_write.ts';

/** Audit and events, as the stores write them in their transactions. */
export function createWriteTools(keys: AuditKeys, clock: Clock): WriteTools {
  return {
    now_ms: () => clock.now_ms(),
    audit: (tx, entries) =>
      writeAudits(tx, keys, entries.map(({ actor, ...facts }) => ({
        actor_account: actor.account?.account_id ?? '',
        actor_service: actor.service === '' ? 'order' : actor.service,
        device_id: actor.account?.device_id,
        ip: actor.ip,
        time: new Date(clock.now_ms()),
        ...facts,
      }))),
    tellPlaced: (tx, orders) => appendEvents(tx, orders.map(placedEvent)),
    tellChanged: (tx, writes) => appendEvents(tx, writes.map(({ change, trace }) => ({ ...changedEvent(change), trace: trace.headers }))),
    tellEntryFailed: (tx, entry, reason) => appendEvents(tx, [entryFailedEvent(entry, reason, clock.now_ms())]),
  };
}
