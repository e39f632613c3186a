/** How issues begin: many in one transaction, each exactly once. */
import { createHash } from 'node:crypto';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Actor, NewIssue } from '../app/ports.ts';
import { notAfter_ms, type Issue, type Ticket } from '../domain/ticket.ts';
import type { StoreDeps } from './issue_store.ts';
import { loadIssues } from './load.ts';

/** The call that begins an issue tries by itself for this long before the sweeper does. */
const FIRST_SWEEP_MS = 10_000;

/** See TicketStore.begin. Throws when one of several meets a row that is there: then each has to be begun alone. */
export async function beginAll(deps: StoreDeps, wanted: readonly NewIssue[], actor: Actor): Promise<Result<Issue>[]> {
  const { db, journal } = deps;
  const execute: Tx['execute'] = (sql, params) => db.query(sql, params);
  const known = await loadIssues({ execute }, wanted.map(issueIdOf));
  const fresh = new Map(wanted.filter((one) => !known.has(issueIdOf(one))).map((one) => [issueIdOf(one), one]));
  const made = [...fresh].map(([issue_id, one]) => newIssue(deps, issue_id, one));
  try {
    if (made.length > 0) {
      await db.transaction(async (tx) => {
        await insert(tx, deps, made);
        await journal(tx, 'ticket.Begin', made.map(({ order_id }) => ({ target: `order/${order_id}` })), actor);
      });
    }
  } catch (error) {
    // Two calls at once, or an item version that was issued in other company before.
    if (!isDuplicateKey(error) || made.length > 1) throw error;
    const issue_id = made[0]!.issue_id;
    const begun = (await loadIssues({ execute }, [issue_id])).get(issue_id);
    return wanted.map((one) => conflictUnless(known.get(issueIdOf(one)) ?? begun));
  }
  for (const issue of made) known.set(issue.issue_id, issue);
  return wanted.map((one) => conflictUnless(known.get(issueIdOf(one))));
}

function conflictUnless(issue: Issue | undefined): Result<Issue> {
  return issue === undefined ? fail('CONFLICT', { detail: 'an item version was issued together with others before' }) : ok(issue);
}

async function insert(tx: Tx, { clock }: StoreDeps, issues: readonly Issue[]): Promise<void> {
  const now = new Date(clock.now_ms());
  await tx.later(
    `INSERT INTO issue (issue_id, order_id, account_id, replaces, state, created_at, next_action_time) VALUES ${issues.map(() => "(?, ?, ?, ?, 'ISSUING', ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)").join(', ')}`,
    issues.flatMap<SqlValue>(({ issue_id, order_id, account_id, replaces }) => [issue_id, order_id, account_id, replaces ? 1 : 0, now, FIRST_SWEEP_MS * 1000]),
  );
  const tickets = issues.flatMap((issue) => issue.tickets);
  await tx.later(
    `INSERT INTO ticket (ticket_id, issue_id, order_id, account_id, item_id, version, state, passenger_id, passenger_type, run_id, seat, seat_parts, journey, not_after, railway_state, created_at)
     VALUES ${tickets.map(() => "(?, ?, ?, ?, ?, ?, 'ISSUING', ?, ?, ?, ?, ?, ?, ?, 'NONE', ?)").join(', ')}`,
    tickets.flatMap<SqlValue>(({ ticket_id, issue_id, order_id, account_id, item_id, version, passenger_id, passenger_type, seat_parts, journey, not_after_ms }) => [
      ticket_id, issue_id, order_id, account_id, item_id, version, passenger_id, passenger_type, journey.run_id, JSON.stringify(seat_parts[0]!.seat), JSON.stringify(seat_parts), JSON.stringify(journey), new Date(not_after_ms), now,
    ]),
  );
}

/** As it will be read: tickets in the order of their ids. */
function newIssue({ nextId }: StoreDeps, issue_id: string, { order_id, account_id, items, replaces = false }: NewIssue): Issue {
  const blank = { state: 'ISSUING' as const, name_masked: '', id_number_masked: '', issue_time_ms: undefined, qr_token: '', railway_ref: '', railway_state: 'NONE' as const, asked_ms: undefined, holder_tag: new Uint8Array(0), admission: '' };
  const tickets = items.map((item): Ticket => ({ ...item, ...blank, ticket_id: nextId(geneOf(order_id)), issue_id, order_id, account_id, not_after_ms: notAfter_ms(item.journey) }));
  return { issue_id, order_id, account_id, state: 'ISSUING', failure_reason: '', tickets, replaces };
}

/** The same item versions are the same issue, in whatever order they are named. */
function issueIdOf({ order_id, items }: NewIssue): string {
  const named = items.map(({ item_id, version }) => `${item_id}-v${version}`).toSorted();
  return createHash('sha256').update(JSON.stringify([String(order_id), ...named])).digest('hex').slice(0, 32);
}
