import { createHash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import type { Keyring } from '#kit/crypto/column.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { NewIssue, Person, TicketStore } from '../app/ports.ts';
import { holderTag } from '../domain/holder.ts';
import { notAfter_ms, REGISTRATION_SETTLED_MS, rideOf, type Issue } from '../domain/ticket.ts';
import type { Ride, TokenFacts } from '../domain/token.ts';
import type { Journal } from './journal.ts';
import { issueOf, type IssueRow, type TicketRow } from './rows.ts';

export type StoreDeps = { db: Database; journal: Journal; keyring: Keyring; clock: Clock; nextId: (gene: number) => bigint; /** The secret of a run's gates. */ gateKey: (run_id: string) => Uint8Array };

type IssuePart = Pick<TicketStore, 'begin' | 'load' | 'markAsked' | 'markRegistered' | 'markRefused' | 'complete' | 'abort' | 'finishAbort' | 'retryIn' | 'issuing'>;

/** The call that begins an issue tries by itself for this long before the sweeper does. */
const FIRST_SWEEP_MS = 10_000;
const MAX_ISSUES_OF_ORDER = 100;

export function openIssueStore(deps: StoreDeps): IssuePart {
  const { db, journal, clock, nextId } = deps;
  const now = (): Date => new Date(clock.now_ms());

  /** Changes an issue that is in `from`; any other is answered as it is. */
  function inState(issue_id: string, from: Issue['state'], change: (tx: Tx, issue: Issue) => Promise<void>): Promise<Issue> {
    return db.transaction(async (tx) => {
      const issue = await loadIssue(tx, issue_id, 'FOR UPDATE');
      if (issue === undefined) throw new Error(`issue ${issue_id} is not there`);
      if (issue.state !== from) return issue;
      await change(tx, issue);
      return (await loadIssue(tx, issue_id))!;
    });
  }

  async function insert(tx: Tx, issue_id: string, { order_id, account_id, items }: NewIssue): Promise<void> {
    await tx.later(`INSERT INTO issue (issue_id, order_id, account_id, state, created_at, next_action_time) VALUES (?, ?, ?, 'ISSUING', ?, UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND)`, [
      issue_id, order_id, account_id, now(), FIRST_SWEEP_MS * 1000,
    ]);
    for (const { item_id, version, passenger_id, passenger_type, seat_parts, journey } of items) {
      await tx.later(
        `INSERT INTO ticket (ticket_id, issue_id, order_id, account_id, item_id, version, state, passenger_id, passenger_type, run_id, seat, seat_parts, journey, not_after, railway_state, created_at)
         VALUES (?, ?, ?, ?, ?, ?, 'ISSUING', ?, ?, ?, ?, ?, ?, ?, 'NONE', ?)`,
        [nextId(geneOf(order_id)), issue_id, order_id, account_id, item_id, version, passenger_id, passenger_type, journey.run_id, JSON.stringify(seat_parts[0]!.seat), JSON.stringify(seat_parts), JSON.stringify(journey), new Date(notAfter_ms(journey)), now()],
      );
    }
  }

  return {
    async begin(wanted, actor): Promise<Result<Issue>> {
      const issue_id = issueIdOf(wanted);
      const known = await this.load(issue_id);
      if (known !== undefined) return ok(known);
      try {
        await db.transaction(async (tx) => {
          await insert(tx, issue_id, wanted);
          await journal(tx, 'ticket.Begin', `order/${wanted.order_id}`, actor);
        });
      } catch (error) {
        // Two calls at once, or an item version that was issued in other company before.
        if (!isDuplicateKey(error)) throw error;
      }
      const begun = await this.load(issue_id);
      return begun === undefined ? fail('CONFLICT', { detail: 'an item version was issued together with others before' }) : ok(begun);
    },
    load: (issue_id) => loadIssue({ execute: (sql, params) => db.query(sql, params) }, issue_id),
    async markAsked(issue_id, people) {
      let marked = false;
      await inState(issue_id, 'ISSUING', async (tx, issue) => {
        marked = true;
        await keepPeople(tx, deps, issue, people);
      });
      return marked;
    },
    async markRegistered(ticket_id, railway_ref) {
      // An answer may come after another driver of the same issue has given it up: then the railway must forget it (again).
      await db.query(
        `UPDATE ticket SET railway_ref = ?, next_action_time = IF(state = 'VOID', UTC_TIMESTAMP(3), next_action_time),
           railway_state = IF(state = 'VOID', 'VOID_DUE', 'REGISTERED') WHERE ticket_id = ? AND railway_state IN ('ASKED', 'REFUSED', 'VOIDED')`,
        [railway_ref, ticket_id],
      );
    },
    async markRefused(ticket_id) {
      await db.query(`UPDATE ticket SET railway_state = 'REFUSED' WHERE ticket_id = ? AND railway_state = 'ASKED'`, [ticket_id]);
    },
    complete: (issue_id, sign) => inState(issue_id, 'ISSUING', (tx, issue) => complete(tx, deps, issue, sign)),
    abort: (issue_id, reason) => inState(issue_id, 'ISSUING', (tx, issue) => abort(tx, deps, issue, reason)),
    finishAbort: (issue_id, force) =>
      inState(issue_id, 'ABORTING', async (tx, issue) => {
        if (!force && issue.tickets.some(({ railway_state }) => railway_state === 'VOID_DUE')) return;
        await tx.execute(`UPDATE issue SET state = 'FAILED', next_action_time = NULL, attempts = 0 WHERE issue_id = ?`, [issue_id]);
        await journal(tx, 'ticket.Fail', `order/${issue.order_id}`, undefined, force ? 'railway_unreachable' : 'ok');
      }),
    async retryIn(issue_id, wait_ms) {
      await db.query(`UPDATE issue SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE issue_id = ? AND attempts = 0 AND state IN ('ISSUING', 'ABORTING')`, [wait_ms * 1000, issue_id]);
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

/** Of the people only what a gate needs later is kept. */
async function keepPeople(tx: Tx, { keyring, clock, gateKey }: StoreDeps, issue: Issue, people: readonly Person[]): Promise<void> {
  for (const ticket of issue.tickets.filter(({ railway_state }) => railway_state !== 'REGISTERED')) {
    const person = people.find(({ passenger_id }) => passenger_id === ticket.passenger_id);
    if (person === undefined) continue;
    await tx.later(
      `UPDATE ticket SET railway_state = IF(railway_state = 'NONE', 'ASKED', railway_state), asked_at = ?, name_masked = ?, id_number_masked = ?, person_index = ?, last_four_sealed = ?, holder_tag = ? WHERE ticket_id = ?`,
      [
        new Date(clock.now_ms()), person.name_masked, person.id_number_masked, indexOf(person), keyring.seal(person.id_number.slice(-4), lastFourAad(ticket.ticket_id)),
        holderTag(gateKey(ticket.journey.run_id), ticket.ticket_id, person.id_number), ticket.ticket_id,
      ],
    );
  }
}

async function complete(tx: Tx, { journal, clock }: StoreDeps, issue: Issue, sign: (facts: TokenFacts & { ride: Ride }) => string): Promise<void> {
  if (!issue.tickets.every(({ railway_state }) => railway_state === 'REGISTERED')) return;
  for (const ticket of issue.tickets) {
    const { ticket_id, version, not_after_ms, journey } = ticket;
    const qr_token = sign({ ticket_id, version, not_after_ms, run_id: journey.run_id, ride: rideOf(ticket) });
    await tx.later(`UPDATE ticket SET state = 'VALID', qr_token = ?, issued_at = ? WHERE ticket_id = ?`, [qr_token, new Date(clock.now_ms()), ticket_id]);
    await journal(tx, 'ticket.Issue', `ticket/${ticket_id}`, undefined, 'ok', version);
  }
  await tx.later(`UPDATE issue SET state = 'ISSUED', next_action_time = NULL, attempts = 0 WHERE issue_id = ?`, [issue.issue_id]);
}

async function abort(tx: Tx, { journal, clock }: StoreDeps, { issue_id, order_id }: Issue, reason: string): Promise<void> {
  await tx.execute(`UPDATE issue SET state = 'ABORTING', failure_reason = ?, next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE issue_id = ?`, [reason.slice(0, 200), issue_id]);
  // What was refused may have been asked for twice, and the other request taken: the sweeper makes sure, nobody waits for it.
  // Assignments are made from left to right, so the state decides before it changes.
  await tx.execute(
    `UPDATE ticket SET state = 'VOID', void_reason = 'NOT_ISSUED', voided_at = ?, attempts = 0,
       next_action_time = CASE WHEN railway_state IN ('ASKED', 'REGISTERED') THEN UTC_TIMESTAMP(3) WHEN railway_state = 'REFUSED' THEN UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND END,
       railway_state = IF(railway_state IN ('ASKED', 'REGISTERED'), 'VOID_DUE', railway_state) WHERE issue_id = ?`,
    [new Date(clock.now_ms()), REGISTRATION_SETTLED_MS * 1000, issue_id],
  );
  await journal(tx, 'ticket.Abort', `order/${order_id}`, undefined, (reason.split(' ')[0] ?? '').slice(0, 64));
}

/** What the sealed last four belong to. */
export function lastFourAad(ticket_id: bigint): string {
  return `ticket.last_four:${ticket_id}`;
}

/** The same item versions are the same issue, in whatever order they are named. */
function issueIdOf({ order_id, items }: NewIssue): string {
  const named = items.map(({ item_id, version }) => `${item_id}-v${version}`).toSorted();
  return createHash('sha256').update(JSON.stringify([String(order_id), ...named])).digest('hex').slice(0, 32);
}

function indexOf({ blind_index }: Person): Buffer | null {
  return /^[0-9a-f]{32}$/i.test(blind_index) ? Buffer.from(blind_index, 'hex') : null;
}

async function loadIssue(tx: Pick<Tx, 'execute'>, issue_id: string, lock = ''): Promise<Issue | undefined> {
  const [row] = await tx.execute<IssueRow>(`SELECT * FROM issue WHERE issue_id = ? ${lock}`, [issue_id]);
  if (row === undefined) return undefined;
  return issueOf(row, await tx.execute<TicketRow>('SELECT * FROM ticket WHERE issue_id = ? ORDER BY ticket_id', [issue_id]));
}
