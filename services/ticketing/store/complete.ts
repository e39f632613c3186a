/** From asking the railway to tickets that are valid: many issues in one transaction. */
import { assignments, eachRow } from '#kit/store/each_row.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Person, Registered } from '../app/ports.ts';
import { holderTag } from '../domain/holder.ts';
import { judgeReplaced } from '../domain/replacement.ts';
import { rideOf, type Issue, type Ticket } from '../domain/ticket.ts';
import type { Ride, TokenFacts } from '../domain/token.ts';
import { abort } from './abort.ts';
import type { StoreDeps } from './issue_store.ts';
import { loadIssues } from './load.ts';
import { ticketOf, type TicketRow } from './rows.ts';

/** See TicketStore.markAsked. Of the people only what a gate needs later is kept. */
export async function markAsked(tx: Tx, { keyring, clock, gateKey }: StoreDeps, asked: readonly { issue_id: string; people: readonly Person[] }[]): Promise<ReadonlySet<string>> {
  const issues = await loadIssues(tx, asked.map(({ issue_id }) => issue_id), 'FOR UPDATE');
  const issuing = new Set([...issues.values()].filter(({ state }) => state === 'ISSUING').map(({ issue_id }) => issue_id));
  const known = asked.flatMap(({ issue_id, people }) => (issuing.has(issue_id) ? issues.get(issue_id)!.tickets : [])
    .filter(({ railway_state }) => railway_state !== 'REGISTERED')
    .flatMap((ticket) => people.filter(({ passenger_id }) => passenger_id === ticket.passenger_id).slice(0, 1).map((person) => ({ ticket, person }))));
  if (known.length === 0) return issuing;
  const ids = known.map(({ ticket }) => ticket.ticket_id);
  const each = (value: (one: { ticket: Ticket; person: Person }) => SqlValue) => eachRow('ticket_id', ids, known.map(value));
  const { sql, params } = assignments({
    asked_at: { sql: '?', params: [new Date(clock.now_ms())] },
    name_masked: each(({ person }) => person.name_masked),
    id_number_masked: each(({ person }) => person.id_number_masked),
    person_index: each(({ person }) => indexOf(person)),
    last_four_sealed: each(({ ticket, person }) => keyring.seal(person.id_number.slice(-4), lastFourAad(ticket.ticket_id))),
    holder_tag: each(({ ticket, person }) => holderTag(gateKey(ticket.journey.run_id), ticket.ticket_id, person.id_number)),
  });
  await tx.later(`UPDATE ticket SET railway_state = IF(railway_state = 'NONE', 'ASKED', railway_state), ${sql} WHERE ticket_id IN (?)`, [...params, ids]);
  return issuing;
}

/** See TicketStore.complete. */
export async function completeAll(tx: Tx, deps: StoreDeps, registered: readonly Registered[], sign: (facts: TokenFacts & { ride: Ride }) => string): Promise<Issue[]> {
  const ids = registered.map(({ issue_id }) => issue_id);
  await tx.execute('SELECT issue_id FROM issue WHERE issue_id IN (?) ORDER BY issue_id FOR UPDATE', [ids]);
  await noteRegistered(tx, registered.flatMap(({ tickets }) => tickets));
  const issues = await loadIssues(tx, ids);
  const whole = [...issues.values()].filter(({ state, tickets }) => state === 'ISSUING' && tickets.every(({ railway_state }) => railway_state === 'REGISTERED'));
  const { replacing, over } = await replaceEarlier(tx, deps, whole);
  for (const issue of await makeValid(tx, deps, replacing, sign)) issues.set(issue.issue_id, issue);
  for (const [issue_id, issue] of await loadIssues(tx, over)) issues.set(issue_id, issue);
  return ids.map((issue_id) => {
    const issue = issues.get(issue_id);
    if (issue === undefined) throw new Error(`issue ${issue_id} is not there`);
    return issue;
  });
}

/** An answer may come after another driver of the same issue has given it up: then the railway must forget it (again). */
async function noteRegistered(tx: Tx, tickets: readonly { ticket_id: bigint; railway_ref: string }[]): Promise<void> {
  if (tickets.length === 0) return;
  const ids = tickets.map(({ ticket_id }) => ticket_id);
  const ref = eachRow('ticket_id', ids, tickets.map(({ railway_ref }) => railway_ref));
  // Assignments are made from left to right, so the states decide before one of them changes.
  await tx.later(
    `UPDATE ticket SET railway_ref = ${ref.sql}, next_action_time = IF(state = 'VOID', UTC_TIMESTAMP(3), next_action_time),
       railway_state = IF(state = 'VOID', 'VOID_DUE', 'REGISTERED') WHERE ticket_id IN (?) AND railway_state IN ('ASKED', 'REFUSED', 'VOIDED')`,
    [...ref.params, ids],
  );
}

/** Voids what the tickets of these issues take the place of; an issue that finds nothing to replace is aborted. */
async function replaceEarlier(tx: Tx, deps: StoreDeps, issues: readonly Issue[]): Promise<{ replacing: Issue[]; over: string[] }> {
  const changes = issues.filter(({ replaces }) => replaces);
  if (changes.length === 0) return { replacing: [...issues], over: [] };
  const item_ids = changes.flatMap(({ tickets }) => tickets.map(({ item_id }) => item_id));
  // Locked, so that a gate that admits at this moment is before or after all of it.
  const rows = await tx.execute<TicketRow>('SELECT * FROM ticket WHERE item_id IN (?) ORDER BY ticket_id FOR UPDATE', [item_ids]);
  const earlier = rows.map(ticketOf);
  const over: string[] = [];
  for (const issue of changes) {
    const replaced = judgeReplaced(issue.tickets, earlier);
    if (replaced === undefined) {
      await abort(tx, deps, issue, 'TICKET_NOT_VALID');
      over.push(issue.issue_id);
      continue;
    }
    await tx.later(
      `UPDATE ticket SET state = 'VOID', void_reason = 'CHANGED', voided_at = ?, railway_state = 'VOID_DUE', next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE ticket_id IN (?)`,
      [new Date(deps.clock.now_ms()), replaced],
    );
    await deps.journal(tx, 'ticket.Void', replaced.map((ticket_id) => ({ target: `ticket/${ticket_id}`, version: earlier.find((ticket) => ticket.ticket_id === ticket_id)!.version })));
  }
  return { replacing: issues.filter(({ issue_id }) => !over.includes(issue_id)), over };
}

async function makeValid(tx: Tx, { journal, clock }: StoreDeps, issues: readonly Issue[], sign: (facts: TokenFacts & { ride: Ride }) => string): Promise<Issue[]> {
  if (issues.length === 0) return [];
  const issue_time_ms = clock.now_ms();
  const valid = issues.map((issue): Issue => ({ ...issue, state: 'ISSUED', tickets: issue.tickets.map((ticket) => ({ ...ticket, state: 'VALID', issue_time_ms, qr_token: sign(factsOf(ticket)) })) }));
  const tickets = valid.flatMap((issue) => issue.tickets);
  const ids = tickets.map(({ ticket_id }) => ticket_id);
  const token = eachRow('ticket_id', ids, tickets.map(({ qr_token }) => qr_token));
  await tx.later(`UPDATE ticket SET state = 'VALID', qr_token = ${token.sql}, issued_at = ? WHERE ticket_id IN (?)`, [...token.params, new Date(issue_time_ms), ids]);
  await journal(tx, 'ticket.Issue', tickets.map(({ ticket_id, version }) => ({ target: `ticket/${ticket_id}`, version })));
  await tx.later(`UPDATE issue SET state = 'ISSUED', next_action_time = NULL, attempts = 0 WHERE issue_id IN (?)`, [valid.map(({ issue_id }) => issue_id)]);
  return valid;
}

function factsOf(ticket: Ticket): TokenFacts & { ride: Ride } {
  const { ticket_id, version, not_after_ms, journey } = ticket;
  return { ticket_id, version, not_after_ms, run_id: journey.run_id, ride: rideOf(ticket) };
}

/** What the sealed last four belong to. */
export function lastFourAad(ticket_id: bigint): string {
  return `ticket.last_four:${ticket_id}`;
}

function indexOf({ blind_index }: Person): Buffer | null {
  return /^[0-9a-f]{32}$/i.test(blind_index) ? Buffer.from(blind_index, 'hex') : null;
}
