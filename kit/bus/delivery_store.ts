// What a consumer keeps in its database: what has had its effect (inbox), and how often the rest was tried (delivery).
//
// Most events succeed at once and cost one row, in the transaction of their effect. Tries are counted only from the
// first failure or redelivery on. The server's own delivery count can't be used: it also counts deliveries that found
// our stores away, and those must use up no try.
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';

const MAX_REASON = 500;
/** Another process may enter further ones between two tries. */
const ENTER_TRIES = 3;

export interface DeliveryStore {
  /** In the transaction of the effect. False when the event has had its effect. Waits for another delivery of the same. */
  enter(tx: Tx, event_id: string, redelivered: boolean): Promise<boolean>;
  /** The same for first deliveries of several events, different ones; those that have had no effect yet. */
  enterMany(tx: Tx, event_ids: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Before the handling of a redelivered event; the tries used up so far. If the last handling was begun by a process
   * that is not this one and never ended, it counts: an event that kills its process must end as a dead letter too.
   */
  begin(event_id: string): Promise<number>;
  /** After a failed handling; the tries used up now. */
  failed(event_id: string, reason: string): Promise<number>;
  /** Forgets the tries: after the event became a dead letter, so that a replay starts afresh. */
  forget(event_id: string): Promise<void>;
  /** At a clean stop: what this process began and left because of an outage is no crash. */
  leave(): Promise<void>;
}

export function deliveryStore(db: Database, consumer: string, runner: string): DeliveryStore {
  return {
    async enter(tx, event_id, redelivered) {
      try {
        await tx.execute('INSERT INTO inbox (consumer, event_id, created_at) VALUES (?, ?, UTC_TIMESTAMP(3))', [consumer, event_id]);
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
      if (redelivered) await tx.execute('DELETE FROM delivery WHERE consumer = ? AND event_id = ?', [consumer, event_id]);
      return true;
    },
    async enterMany(tx, event_ids) {
      // In one order, so that two processes with the same events wait for one another and no more.
      let left = event_ids.toSorted();
      for (let tried = 1; left.length > 0; tried += 1) {
        try {
          await tx.execute(`INSERT INTO inbox (consumer, event_id, created_at) VALUES ${left.map(() => '(?, ?, UTC_TIMESTAMP(3))').join(', ')}`, left.flatMap((event_id) => [consumer, event_id]));
          break;
        } catch (error) {
          if (!isDuplicateKey(error) || tried === ENTER_TRIES) throw error;
          const known = await tx.execute<{ event_id: string }>('SELECT event_id FROM inbox WHERE consumer = ? AND event_id IN (?)', [consumer, left]);
          left = left.filter((event_id) => !known.some((row) => row.event_id === event_id));
        }
      }
      return new Set(left);
    },
    async begin(event_id) {
      await db.query(
        `INSERT INTO delivery (consumer, event_id, tries, runner, reason, updated_at) VALUES (?, ?, 0, ?, '', UTC_TIMESTAMP(3))
         ON DUPLICATE KEY UPDATE tries = tries + IF(runner IS NOT NULL AND runner <> ?, 1, 0), runner = ?, updated_at = UTC_TIMESTAMP(3)`,
        [consumer, event_id, runner, runner, runner],
      );
      return triesOf(event_id);
    },
    async failed(event_id, reason) {
      const text = reason.slice(0, MAX_REASON);
      await db.query(
        `INSERT INTO delivery (consumer, event_id, tries, runner, reason, updated_at) VALUES (?, ?, 1, NULL, ?, UTC_TIMESTAMP(3))
         ON DUPLICATE KEY UPDATE tries = tries + 1, runner = NULL, reason = ?, updated_at = UTC_TIMESTAMP(3)`,
        [consumer, event_id, text, text],
      );
      return triesOf(event_id);
    },
    async forget(event_id) {
      await db.query('DELETE FROM delivery WHERE consumer = ? AND event_id = ?', [consumer, event_id]);
    },
    async leave() {
      await db.query('UPDATE delivery SET runner = NULL WHERE consumer = ? AND runner = ?', [consumer, runner]);
    },
  };

  async function triesOf(event_id: string): Promise<number> {
    const [row] = await db.query<{ tries: number }>('SELECT tries FROM delivery WHERE consumer = ? AND event_id = ?', [consumer, event_id]);
    return row?.tries ?? 0;
  }
}

/**
 * Deletes a bounded batch of inbox rows past 8 days, a day longer than a stream keeps events. Older replays must pass
 * the compare-and-set of their aggregate (DESIGN §6).
 */
export async function pruneInbox(db: Database, limit = 5_000): Promise<number> {
  const inbox = await db.query('DELETE FROM inbox WHERE created_at < UTC_TIMESTAMP(3) - INTERVAL 8 DAY LIMIT ?', [limit]);
  const delivery = await db.query('DELETE FROM delivery WHERE updated_at < UTC_TIMESTAMP(3) - INTERVAL 31 DAY LIMIT ?', [limit]);
  return inbox.affected_rows + delivery.affected_rows;
}
