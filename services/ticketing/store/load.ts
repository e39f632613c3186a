import type { Tx } from '#kit/store/mysql.ts';
import type { Issue } from '../domain/ticket.ts';
import { issueOf, type IssueRow, type TicketRow } from './rows.ts';

/** Issues with their tickets, by id; those that are not there are left out. `lock` is of the issues, in the order of their ids. */
export async function loadIssues(tx: Pick<Tx, 'execute'>, issue_ids: readonly string[], lock = ''): Promise<Map<string, Issue>> {
  if (issue_ids.length === 0) return new Map();
  const rows = await tx.execute<IssueRow>(`SELECT * FROM issue WHERE issue_id IN (?) ORDER BY issue_id ${lock}`, [[...issue_ids]]);
  if (rows.length === 0) return new Map();
  const tickets = Map.groupBy(await tx.execute<TicketRow>('SELECT * FROM ticket WHERE issue_id IN (?) ORDER BY ticket_id', [rows.map(({ issue_id }) => issue_id)]), ({ issue_id }) => issue_id);
  return new Map(rows.map((row) => [row.issue_id, issueOf(row, tickets.get(row.issue_id) ?? [])]));
}
