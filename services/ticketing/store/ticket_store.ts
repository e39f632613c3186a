import { fail, FailureError, ok, type Result } from '#kit/base/result.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Actor, TicketStore } from '../app/ports.ts';
import type { Ticket } from '../domain/ticket.ts';
import { lastFourAad } from './complete.ts';
import { openIssueStore, type StoreDeps } from './issue_store.ts';
import { ticketOf, type TicketRow } from './rows.ts';

const MAX_OF_ORDER = 100;
/** A full train sold and given back several times over its way. A set that left some out would let them pass. */
const MAX_REVOKED = 50_000;

export function openTicketStore(deps: StoreDeps): TicketStore {
  const { db, journal, keyring, clock } = deps;
  const now = (): Date => new Date(clock.now_ms());

  async function voidOne(tx: Tx, ticket: Ticket, reason: string, actor: Actor): Promise<void> {
    const { affected_rows } = await tx.execute(
      `UPDATE ticket SET state = 'VOID', void_reason = ?, voided_at = ?, railway_state = 'VOID_DUE', next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE ticket_id = ? AND state = 'VALID'`,
      [reason.slice(0, 200), now(), ticket.ticket_id],
    );
    if (affected_rows === 1) await journal(tx, 'ticket.Void', [{ target: `ticket/${ticket.ticket_id}`, version: ticket.version }], actor);
  }

  return {
    ...openIssueStore(deps),
    async find(ticket_id) {
      const [row] = await db.query<TicketRow>('SELECT * FROM ticket WHERE ticket_id = ?', [ticket_id]);
      return row === undefined ? undefined : ticketOf(row);
    },
    async ofOrder(order_id) {
      const rows = await db.query<TicketRow>('SELECT * FROM ticket WHERE order_id = ? ORDER BY item_id, version LIMIT ?', [order_id, MAX_OF_ORDER]);
      return rows.map(ticketOf);
    },
    voidTickets(order_id, item_ids, reason, actor) {
      return db.transaction(async (tx): Promise<Result<Ticket[]>> => {
        const all = (await tx.execute<TicketRow>('SELECT * FROM ticket WHERE order_id = ? ORDER BY ticket_id LIMIT ? FOR UPDATE', [order_id, MAX_OF_ORDER])).map(ticketOf);
        const missing = item_ids.find((item_id) => !all.some((ticket) => ticket.item_id === item_id));
        if (missing !== undefined) return fail('TICKET_NOT_FOUND', { metadata: { item_id: missing } });
        const named = all.filter(({ item_id, issue_time_ms }) => issue_time_ms !== undefined && (item_ids.length === 0 || item_ids.includes(item_id)));
        const used = named.find(({ state }) => state === 'USED');
        if (used !== undefined) return fail('TICKET_NOT_VALID', { detail: 'a used ticket stays used', metadata: { item_id: used.item_id } });
        for (const ticket of named) await voidOne(tx, ticket, reason, actor);
        return ok(named.map((ticket) => ({ ...ticket, state: 'VOID' as const })));
      });
    },
    async markVoided(ticket_id) {
      await db.query(`UPDATE ticket SET railway_state = 'VOIDED', next_action_time = NULL, attempts = 0 WHERE ticket_id = ? AND railway_state IN ('VOID_DUE', 'REFUSED') AND state = 'VOID'`, [ticket_id]);
    },
    async admit(ticket, admission, actor) {
      const sql = `UPDATE ticket SET state = 'USED', used_at = ?, admission = ? WHERE ticket_id = ? AND version = ? AND state = 'VALID'`;
      try {
        return await db.transaction(async (tx) => {
          const { affected_rows } = await tx.execute(sql, [now(), admission === '' ? null : admission, ticket.ticket_id, ticket.version]);
          await journal(tx, 'ticket.Inspect', [{ target: `ticket/${ticket.ticket_id}`, version: ticket.version }], actor, affected_rows === 1 ? 'admitted' : 'TICKET_NOT_VALID');
          return affected_rows === 1 ? 'admitted' : 'late';
        });
      } catch (error) {
        if (isDuplicateKey(error, 'ticket_admission')) return 'reused';
        throw error;
      }
    },
    noteInspection: (target, result, actor) => db.transaction((tx) => journal(tx, 'ticket.Inspect', [{ target }], actor, result)),
    noteGateKey: (run_id, actor) => db.transaction((tx) => journal(tx, 'ticket.GateKey', [{ target: `run/${run_id}` }], actor)),
    async lastFour(ticket_id) {
      const [row] = await db.query<{ last_four_sealed: Buffer | null }>('SELECT last_four_sealed FROM ticket WHERE ticket_id = ?', [ticket_id]);
      if (row?.last_four_sealed === null || row === undefined) throw new FailureError({ reason: 'TICKET_NOT_FOUND' });
      return keyring.openText(row.last_four_sealed, lastFourAad(ticket_id));
    },
    async revoked(run_id) {
      const rows = await db.query<{ ticket_id: bigint; version: bigint }>(`SELECT ticket_id, version FROM ticket WHERE run_id = ? AND state = 'VOID' AND issued_at IS NOT NULL ORDER BY ticket_id LIMIT ?`, [run_id, MAX_REVOKED + 1]);
      if (rows.length > MAX_REVOKED) throw new Error(`run ${run_id} has more than ${MAX_REVOKED} revoked tickets`);
      return rows.map(({ ticket_id, version }) => ({ ticket_id: BigInt(ticket_id), version: BigInt(version) }));
    },
  };
}
