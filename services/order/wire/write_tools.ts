import type { Clock } from '#kit/base/clock.ts';
import { writeAudits, type AuditKeys } from '#kit/audit/audit.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { changedEvent, entryFailedEvent, placedEvent } from '../events/encode.ts';
import type { WriteTools } from '../store/order_write.ts';
import type { Config } from './config.ts';

/** Audit and events, as the stores write them in their transactions. */
export function createWriteTools(config: Pick<Config, 'column_keys' | 'blind_index_key'>, clock: Clock): WriteTools {
  const keys: AuditKeys = { keyring: createKeyring(config.column_keys), index: createBlindIndex(config.blind_index_key) };
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
