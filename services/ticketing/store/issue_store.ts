import type { Clock } from '#kit/base/clock.ts';
import { fail } from '#kit/base/result.ts';
import type { Keyring } from '#kit/crypto/column.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { together } from '#kit/store/together.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { TicketStore } from '../app/ports.ts';
import type { Issue } from '../domain/ticket.ts';
import { abort } from './abort.ts';
import { beginAll } from './begin.ts';
import { completeAll, markAsked } from './complete.ts';
import type { Journal } from './journal.ts';
import { loadIssues } from './load.ts';

export type StoreDeps = {
  db: Database;
  journal: Journal;
  keyring: Keyring;
  clock: Clock;
  log: Log;
  nextId: (gene: number) => bigint;
  /** The secret of a run's gates. */
  gateKey: (run_id: string) => Uint8Array;
};

type IssuePart = Pick<TicketStore, 'begin' | 'load' | 'markAsked' | 'markRefused' | 'complete' | 'abort' | 'finishAbort' | 'retryIn' | 'issuing'>;

const MAX_ISSUES_OF_ORDER = 100;

export function openIssueStore(deps: StoreDeps): IssuePart {
  const { db, journal, log } = deps;

  /** Changes an issue that is in `from`; any other is answered as it is. */
  function inState(issue_id: string, from: Issue['state'], change: (tx: Tx, issue: Issue) => Promise<void>): Promise<Issue> {
    return db.transaction(async (tx) => {
      const issue = (await loadIssues(tx, [issue_id], 'FOR UPDATE')).get(issue_id);
      if (issue === undefined) throw new Error(`issue ${issue_id} is not there`);
      if (issue.state !== from) return issue;
      await change(tx, issue);
      return (await loadIssues(tx, [issue_id])).get(issue_id)!;
    });
  }

  return {
    begin: (wanted, actor) =>
      together(wanted, (some) => beginAll(deps, some, actor), ({ order_id }, error) => {
        log.error({ error, order_id: String(order_id) }, 'an issue could not be begun');
        return fail('INTERNAL');
      }),
    load: async (issue_id) => (await loadIssues({ execute: (sql, params) => db.query(sql, params) }, [issue_id])).get(issue_id),
    markAsked: (asked) => db.transaction((tx) => markAsked(tx, deps, asked)),
    async markRefused(ticket_id) {
      await db.query(`UPDATE ticket SET railway_state = 'REFUSED' WHERE ticket_id = ? AND railway_state = 'ASKED'`, [ticket_id]);
    },
    complete: (registered, sign) =>
      together(registered, (some) => db.transaction((tx) => completeAll(tx, deps, some, sign)), ({ issue_id }, error) => {
        log.error({ error, issue_id }, 'an issue could not be completed');
        return undefined;
      }),
    abort: (issue_id, reason) => inState(issue_id, 'ISSUING', (tx, issue) => abort(tx, deps, issue, reason)),
    finishAbort: (issue_id, force) =>
      inState(issue_id, 'ABORTING', async (tx, issue) => {
        if (!force && issue.tickets.some(({ railway_state }) => railway_state === 'VOID_DUE')) return;
        await tx.execute(`UPDATE issue SET state = 'FAILED', next_action_time = NULL, attempts = 0 WHERE issue_id = ?`, [issue_id]);
        await journal(tx, 'ticket.Fail', [{ target: `order/${issue.order_id}` }], undefined, force ? 'railway_unreachable' : 'ok');
      }),
    async retryIn(issue_ids, wait_ms) {
      await db.query(`UPDATE issue SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE issue_id IN (?) AND attempts = 0 AND state IN ('ISSUING', 'ABORTING')`, [wait_ms * 1000, [...issue_ids]]);
    },
    async issuing(order_id, item_ids) {
      const rows = await db.query<{ issue_id: string; item_id: string }>(
        `SELECT t.issue_id, t.item_id FROM ticket t JOIN issue i ON i.issue_id = t.issue_id WHERE i.order_id = ? AND i.state = 'ISSUING' LIMIT ?`,
        [order_id, MAX_ISSUES_OF_ORDER],
      );
      return [...new Set(rows.filter(({ item_id }) => item_ids.length === 0 || item_ids.includes(item_id)).map(({ issue_id }) => issue_id))];
    },
  };
}
