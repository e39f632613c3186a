/** TicketStore in memory. */
import { createHash } from 'node:crypto';
import { fail, FailureError, ok, type Result } from '#kit/base/result.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import type { NewIssue, Person, TicketStore } from '../../../services/ticketing/app/ports.ts';
import { GATE_KEY_BYTES, holderTag } from '../../../services/ticketing/domain/holder.ts';
import { judgeReplaced } from '../../../services/ticketing/domain/replacement.ts';
import { notAfter_ms, REGISTRATION_SETTLED_MS, rideOf, type Issue, type Ticket } from '../../../services/ticketing/domain/ticket.ts';
import type { Ride, TokenFacts } from '../../../services/ticketing/domain/token.ts';
import { DueTable } from '../sweeper.ts';
import { frozen } from './frozen.ts';

const FIRST_SWEEP_MS = 10_000;
/** One for all runs: gates are not simulated. */
const GATE_KEY = new Uint8Array(GATE_KEY_BYTES);

type IssueRow = Omit<Issue, 'tickets'>;

export class TicketDb {
  readonly now_ms: () => number;
  readonly issues = new Map<string, IssueRow>();
  readonly issues_due = new DueTable();
  readonly tickets = new Map<bigint, Ticket>();
  readonly tickets_due = new DueTable();
  readonly last_four = new Map<bigint, string>();

  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
  }

  load(issue_id: string): Issue | undefined {
    const row = this.issues.get(issue_id);
    if (row === undefined) return undefined;
    const tickets = [...this.tickets.values()].filter((ticket) => ticket.issue_id === issue_id).toSorted((a, b) => (a.ticket_id < b.ticket_id ? -1 : 1));
    return frozen({ ...row, tickets });
  }
}

export type TicketStoreOptions = { now_ms(): number; nextId(gene: number): bigint };

export function memoryTicketStore(db: TicketDb, options: TicketStoreOptions): TicketStore {
  return { ...issueMethods(db, options), ...ticketMethods(db) };
}

type IssueMethods = Pick<TicketStore, 'begin' | 'load' | 'markAsked' | 'markRefused' | 'complete' | 'abort' | 'finishAbort' | 'retryIn' | 'issuing'>;

function issueMethods(db: TicketDb, { now_ms, nextId }: TicketStoreOptions): IssueMethods {
  const inState = (issue_id: string, from: Issue['state'], change: (issue: Issue) => void): Issue => {
    const issue = db.load(issue_id);
    if (issue === undefined) throw new Error(`issue ${issue_id} is not there`);
    if (issue.state !== from) return issue;
    change(issue);
    return db.load(issue_id)!;
  };
  const putIssue = (issue: Issue, change: Partial<IssueRow>, next_ms: number | undefined): void => {
    const { tickets: _tickets, ...row } = issue;
    db.issues.set(issue.issue_id, { ...row, ...change });
    db.issues_due.set(issue.issue_id, next_ms, 0);
  };
  const abort = (issue: Issue, reason: string): void => {
    putIssue(issue, { state: 'ABORTING', failure_reason: reason.slice(0, 200) }, db.now_ms());
    for (const ticket of issue.tickets) {
      const known = ticket.railway_state === 'ASKED' || ticket.railway_state === 'REGISTERED';
      change(db, ticket, { state: 'VOID', railway_state: known ? 'VOID_DUE' : ticket.railway_state });
      db.tickets_due.set(String(ticket.ticket_id), known ? db.now_ms() : ticket.railway_state === 'REFUSED' ? db.now_ms() + REGISTRATION_SETTLED_MS : undefined, 0);
    }
  };
  const begin = (wanted: NewIssue): Result<Issue> => {
    const issue_id = issueIdOf(wanted);
    const known = db.load(issue_id);
    if (known !== undefined) return ok(known);
    if (wanted.items.some(({ item_id, version }) => [...db.tickets.values()].some((ticket) => ticket.item_id === item_id && ticket.version === version))) return fail('CONFLICT', { detail: 'an item version was issued together with others before' });
    // Before anything is written: a generator may refuse, and then nothing has begun.
    const made = wanted.items.map((item) => ({ ...item, ticket_id: nextId(geneOf(wanted.order_id)) }));
    db.issues.set(issue_id, { issue_id, order_id: wanted.order_id, account_id: wanted.account_id, state: 'ISSUING', failure_reason: '', replaces: wanted.replaces === true });
    db.issues_due.set(issue_id, db.now_ms() + FIRST_SWEEP_MS, 0);
    for (const item of made) {
      const blank = { state: 'ISSUING' as const, name_masked: '', id_number_masked: '', issue_time_ms: undefined, qr_token: '', railway_ref: '', railway_state: 'NONE' as const, asked_ms: undefined, holder_tag: new Uint8Array(0), admission: '' };
      db.tickets.set(item.ticket_id, frozen({ ...item, ...blank, issue_id, order_id: wanted.order_id, account_id: wanted.account_id, not_after_ms: notAfter_ms(item.journey) }));
    }
    return ok(db.load(issue_id)!);
  };
  const markRegistered = ({ ticket_id, railway_ref }: { ticket_id: bigint; railway_ref: string }): void => {
    const ticket = db.tickets.get(ticket_id);
    if (ticket === undefined || !['ASKED', 'REFUSED', 'VOIDED'].includes(ticket.railway_state)) return;
    const gone = ticket.state === 'VOID';
    change(db, ticket, { railway_ref, railway_state: gone ? 'VOID_DUE' : 'REGISTERED' });
    if (gone) db.tickets_due.set(String(ticket_id), db.now_ms());
  };
  return {
    begin: async (wanted) => wanted.map(begin),
    async load(issue_id) {
      return db.load(issue_id);
    },
    async markAsked(asked) {
      const marked = new Set<string>();
      for (const { issue_id, people } of asked) {
        inState(issue_id, 'ISSUING', (issue) => {
          marked.add(issue_id);
          for (const ticket of issue.tickets.filter(({ railway_state }) => railway_state !== 'REGISTERED')) keepPerson(db, ticket, people.find(({ passenger_id }) => passenger_id === ticket.passenger_id), now_ms());
        });
      }
      return marked;
    },
    async markRefused(ticket_id) {
      const ticket = db.tickets.get(ticket_id);
      if (ticket?.railway_state === 'ASKED') change(db, ticket, { railway_state: 'REFUSED' });
    },
    async complete(registered, sign) {
      return registered.map(({ issue_id, tickets }) => {
        tickets.forEach(markRegistered);
        return inState(issue_id, 'ISSUING', (issue) => {
          if (!issue.tickets.every(({ railway_state }) => railway_state === 'REGISTERED')) return;
          const replaced = issue.replaces ? judgeReplaced(issue.tickets, [...db.tickets.values()]) : [];
          if (replaced === undefined) return abort(issue, 'TICKET_NOT_VALID');
          for (const ticket_id of replaced) {
            change(db, db.tickets.get(ticket_id)!, { state: 'VOID', railway_state: 'VOID_DUE' });
            db.tickets_due.set(String(ticket_id), db.now_ms(), 0);
          }
          for (const ticket of issue.tickets) change(db, ticket, { state: 'VALID', qr_token: sign(factsOf(ticket)), issue_time_ms: now_ms() });
          putIssue(issue, { state: 'ISSUED' }, undefined);
        });
      });
    },
    async abort(issue_id, reason) {
      return inState(issue_id, 'ISSUING', (issue) => abort(issue, reason));
    },
    async finishAbort(issue_id, force) {
      return inState(issue_id, 'ABORTING', (issue) => {
        if (force || issue.tickets.every(({ railway_state }) => railway_state !== 'VOID_DUE')) putIssue(issue, { state: 'FAILED' }, undefined);
      });
    },
    async retryIn(issue_ids, wait_ms) {
      for (const issue_id of issue_ids) {
        const issue = db.issues.get(issue_id);
        if (db.issues_due.get(issue_id)?.attempts === 0 && (issue?.state === 'ISSUING' || issue?.state === 'ABORTING')) db.issues_due.set(issue_id, db.now_ms() + wait_ms);
      }
    },
    async issuing(order_id, item_ids) {
      const open = [...db.tickets.values()].filter((ticket) => ticket.order_id === order_id && db.issues.get(ticket.issue_id)?.state === 'ISSUING');
      return [...new Set(open.filter(({ item_id }) => item_ids.length === 0 || item_ids.includes(item_id)).map(({ issue_id }) => issue_id))];
    },
  };
}

function ticketMethods(db: TicketDb): Omit<TicketStore, keyof IssueMethods> {
  const ofOrder = (order_id: bigint): Ticket[] => [...db.tickets.values()].filter((ticket) => ticket.order_id === order_id);
  return {
    async find(ticket_id) {
      return db.tickets.get(ticket_id);
    },
    async ofOrder(order_id) {
      return ofOrder(order_id).toSorted((a, b) => (a.item_id === b.item_id ? Number(a.version - b.version) : a.item_id < b.item_id ? -1 : 1));
    },
    async voidTickets(order_id, item_ids) {
      const all = ofOrder(order_id).toSorted((a, b) => (a.ticket_id < b.ticket_id ? -1 : 1));
      const missing = item_ids.find((item_id) => !all.some((ticket) => ticket.item_id === item_id));
      if (missing !== undefined) return fail('TICKET_NOT_FOUND', { metadata: { item_id: missing } });
      const named = all.filter(({ item_id, issue_time_ms }) => issue_time_ms !== undefined && (item_ids.length === 0 || item_ids.includes(item_id)));
      const used = named.find(({ state }) => state === 'USED');
      if (used !== undefined) return fail('TICKET_NOT_VALID', { detail: 'a used ticket stays used', metadata: { item_id: used.item_id } });
      for (const ticket of named.filter(({ state }) => state === 'VALID')) {
        change(db, ticket, { state: 'VOID', railway_state: 'VOID_DUE' });
        db.tickets_due.set(String(ticket.ticket_id), db.now_ms(), 0);
      }
      return ok(named.map((ticket) => ({ ...ticket, state: 'VOID' as const })));
    },
    async markVoided(ticket_id) {
      const ticket = db.tickets.get(ticket_id);
      if (ticket?.railway_state !== 'VOID_DUE' && !(ticket?.railway_state === 'REFUSED' && ticket.state === 'VOID')) return;
      change(db, ticket, { railway_state: 'VOIDED' });
      db.tickets_due.set(String(ticket_id), undefined, 0);
    },
    async admit(ticket, admission) {
      const stored = db.tickets.get(ticket.ticket_id);
      if (stored?.state !== 'VALID' || stored.version !== ticket.version) return 'late';
      if (admission !== '' && [...db.tickets.values()].some((other) => other.admission === admission)) return 'reused';
      change(db, stored, { state: 'USED', admission });
      return 'admitted';
    },
    async noteInspection() {
      // Only the audit would know.
    },
    async noteGateKey() {
      // As above.
    },
    async lastFour(ticket_id) {
      const last_four = db.last_four.get(ticket_id);
      if (last_four === undefined) throw new FailureError({ reason: 'TICKET_NOT_FOUND' });
      return last_four;
    },
    async revoked(run_id) {
      const found = [...db.tickets.values()].filter((ticket) => ticket.journey.run_id === run_id && ticket.state === 'VOID' && ticket.issue_time_ms !== undefined);
      return found.map(({ ticket_id, version }) => ({ ticket_id, version })).toSorted((a, b) => (a.ticket_id < b.ticket_id ? -1 : 1));
    },
  };
}

function keepPerson(db: TicketDb, ticket: Ticket, person: Person | undefined, now_ms: number): void {
  if (person === undefined) return;
  const { name_masked, id_number_masked } = person;
  const holder_tag = holderTag(GATE_KEY, ticket.ticket_id, person.id_number);
  change(db, ticket, { railway_state: ticket.railway_state === 'NONE' ? 'ASKED' : ticket.railway_state, asked_ms: now_ms, name_masked, id_number_masked, holder_tag });
  db.last_four.set(ticket.ticket_id, person.id_number.slice(-4));
}

function change(db: TicketDb, ticket: Ticket, more: Partial<Ticket>): void {
  db.tickets.set(ticket.ticket_id, frozen({ ...ticket, ...more }));
}

function factsOf(ticket: Ticket): TokenFacts & { ride: Ride } {
  const { ticket_id, version, not_after_ms, journey } = ticket;
  return { ticket_id, version, not_after_ms, run_id: journey.run_id, ride: rideOf(ticket) };
}

function issueIdOf({ order_id, items }: NewIssue): string {
  const named = items.map(({ item_id, version }) => `${item_id}-v${version}`).toSorted();
  return createHash('sha256').update(JSON.stringify([String(order_id), ...named])).digest('hex').slice(0, 32);
}
