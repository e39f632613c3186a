import type { Clock } from '#kit/base/clock.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { MAX_ISSUE_TRIES, notAfter_ms, TICKET_LIFE_MS, type Issue, type Ticket } from '../domain/ticket.ts';
import { signToken } from '../domain/token.ts';
import type { Actor, NewIssue, People, Person, Railway, TicketKeys, TicketStore } from './ports.ts';
import { voidAtRailway } from './void_tickets.ts';

export type IssueDeps = { store: TicketStore; people: People; railway: Railway; keys: TicketKeys; clock: Clock; log: Log };

/** An order has at most this many items. */
const MAX_ITEMS = 5;
const FIRST_RETRY_MS = 1000;
/** Issuing may take its tries, so the last of its time is kept for them. */
const MAX_AHEAD_MS = TICKET_LIFE_MS - 24 * 3_600_000;

/**
 * Issues tickets for item versions, all or none. The first call tries at once; a repeat tells, and tries again what is
 * still under way. The sweeper goes on without anybody asking.
 */
export async function issueTickets(deps: IssueDeps, wanted: NewIssue, actor: Actor, signal?: AbortSignal): Promise<Result<Issue>> {
  if (wanted.items.length === 0 || wanted.items.length > MAX_ITEMS) return fieldInvalid('items', `1 to ${MAX_ITEMS} items`);
  if (new Set(wanted.items.map(({ item_id }) => item_id)).size !== wanted.items.length) return fieldInvalid('items', 'an item stands twice');
  if (wanted.items.some(({ journey }) => notAfter_ms(journey) > deps.clock.now_ms() + MAX_AHEAD_MS)) return fieldInvalid('items.journey', 'is too far ahead for a ticket');
  const begun = await deps.store.begin(wanted, actor);
  if (!begun.ok || begun.value.state === 'ISSUED' || begun.value.state === 'FAILED') return begun;
  const driven = await driveOnce(deps, begun.value, signal);
  if (driven.state === 'ISSUING' || driven.state === 'ABORTING') await deps.store.retryIn(driven.issue_id, FIRST_RETRY_MS);
  return ok(driven);
}

/** The sweeper's turn with an issue. Throws when it should be tried again with a growing pause. */
export async function driveIssue(deps: IssueDeps, issue_id: string, attempts: number, signal: AbortSignal): Promise<void> {
  const issue = await deps.store.load(issue_id);
  if (issue === undefined || issue.state === 'ISSUED' || issue.state === 'FAILED') return;
  const last = attempts + 1 >= MAX_ISSUE_TRIES;
  let driven = await driveOnce(deps, issue, signal);
  if (driven.state === 'ISSUING' && last) {
    await deps.store.abort(issue_id, 'DEPENDENCY_UNAVAILABLE');
    deps.log.error({ alert: true, issue_id, order_id: String(issue.order_id), tries: attempts + 1 }, 'tickets could not be issued: the money goes back');
    return;
  }
  // The railway was away for all tries of the second round too. The order must end; its tickets' sweeper goes on voiding.
  if (driven.state === 'ABORTING' && issue.state === 'ABORTING' && last) driven = await deps.store.finishAbort(issue_id, true);
  if (driven.state === 'ABORTING' && issue.state === 'ISSUING') return;
  if (driven.state === 'ISSUING' || driven.state === 'ABORTING') throw new Error(`issue ${issue_id} is still ${driven.state}`);
}

/** One try, in whatever state it is. */
async function driveOnce(deps: IssueDeps, issue: Issue, signal: AbortSignal | undefined): Promise<Issue> {
  if (issue.state === 'ABORTING') return undo(deps, issue, signal);
  const open = issue.tickets.filter(({ railway_state }) => railway_state !== 'REGISTERED');
  const refused = open.length === 0 ? undefined : await register(deps, issue, open, signal);
  if (refused !== undefined) return undo(deps, await deps.store.abort(issue.issue_id, refused), signal);
  const now = await deps.store.load(issue.issue_id);
  if (now === undefined || now.state !== 'ISSUING' || !now.tickets.every(({ railway_state }) => railway_state === 'REGISTERED')) return now ?? issue;
  const key = deps.keys.signing();
  return deps.store.complete(issue.issue_id, (facts) => signToken(facts, key));
}

/** Asks the railway for every ticket that is not registered; the reason when one of them never will be. */
async function register({ store, people, railway }: IssueDeps, issue: Issue, open: readonly Ticket[], signal: AbortSignal | undefined): Promise<string | undefined> {
  const resolved = await people.resolve(issue.account_id, open.map(({ passenger_id }) => passenger_id), signal);
  if (!resolved.ok) return resolved.error.reason === 'PASSENGER_NOT_FOUND' ? 'PASSENGER_NOT_FOUND' : undefined;
  if (!(await store.markAsked(issue.issue_id, resolved.value))) return undefined;
  const byId = new Map(resolved.value.map((person): [string, Person] => [person.passenger_id, person]));
  const refusals = await Promise.all(
    open.map(async (ticket) => {
      const person = byId.get(ticket.passenger_id);
      if (person === undefined) return 'PASSENGER_NOT_FOUND';
      const answer = await railway.register(ticket, person, signal);
      if (answer.ok) await store.markRegistered(ticket.ticket_id, answer.railway_ref);
      else if (answer.problem === 'refused') await store.markRefused(ticket.ticket_id);
      return !answer.ok && answer.problem === 'refused' ? `RAILWAY_REFUSED ${answer.detail}` : undefined;
    }),
  );
  return refusals.find((reason) => reason !== undefined);
}

/** Voids at the railway what it may know; FAILED when nothing is left there. */
async function undo(deps: IssueDeps, issue: Issue, signal: AbortSignal | undefined): Promise<Issue> {
  const due = issue.tickets.filter(({ railway_state }) => railway_state === 'VOID_DUE');
  await Promise.all(due.map((ticket) => voidAtRailway(deps, ticket, signal)));
  return deps.store.finishAbort(issue.issue_id, false);
}
