import type { Clock } from '#kit/base/clock.ts';
import { fieldInvalid, mapResult, ok, type Result } from '#kit/base/result.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { MAX_ISSUE_TRIES, notAfter_ms, TICKET_LIFE_MS, type Issue, type Ticket } from '../domain/ticket.ts';
import { signToken } from '../domain/token.ts';
import type { Actor, NewIssue, People, Person, Railway, RailwayAnswer, TicketKeys, TicketStore } from './ports.ts';
import { voidAtRailway } from './void_tickets.ts';

export type IssueDeps = { store: TicketStore; people: People; railway: Railway; keys: TicketKeys; clock: Clock; log: Log };

/** An order has at most this many items. */
const MAX_ITEMS = 5;
const FIRST_RETRY_MS = 1000;
/** Issuing may take its tries, so the last of its time is kept for them. */
const MAX_AHEAD_MS = TICKET_LIFE_MS - 24 * 3_600_000;

/**
 * Issues tickets for item versions of orders, of each order all or none; one outcome for each, in order, and none touches
 * another. The first call tries at once, and the railway hears of all together; a repeat tells, and tries again what is still
 * under way. The sweeper goes on without anybody asking.
 */
export async function issueTickets(deps: IssueDeps, wanted: readonly NewIssue[], actor: Actor, signal?: AbortSignal): Promise<Result<Issue>[]> {
  const refused = wanted.map((one) => refusalOf(one, deps.clock.now_ms()));
  const good = wanted.filter((_, index) => refused[index] === undefined);
  const begun = good.length === 0 ? [] : await deps.store.begin(good, actor);
  const open = new Map(begun.flatMap((one) => (one.ok && isOpen(one.value) ? [[one.value.issue_id, one.value] as const] : [])));
  const driven = new Map((await driveOnce(deps, [...open.values()], signal)).map((issue) => [issue.issue_id, issue]));
  const left = [...driven.values()].filter(isOpen).map(({ issue_id }) => issue_id);
  if (left.length > 0) await deps.store.retryIn(left, FIRST_RETRY_MS);
  let next = 0;
  return refused.map((refusal) => refusal ?? mapResult(begun[next++]!, (issue) => driven.get(issue.issue_id) ?? issue));
}

function refusalOf({ items }: NewIssue, now_ms: number): Result<never> | undefined {
  if (items.length === 0 || items.length > MAX_ITEMS) return fieldInvalid('items', `1 to ${MAX_ITEMS} items`);
  if (new Set(items.map(({ item_id }) => item_id)).size !== items.length) return fieldInvalid('items', 'an item stands twice');
  if (items.some(({ journey }) => notAfter_ms(journey) > now_ms + MAX_AHEAD_MS)) return fieldInvalid('items.journey', 'is too far ahead for a ticket');
  return undefined;
}

function isOpen({ state }: Issue): boolean {
  return state === 'ISSUING' || state === 'ABORTING';
}

/** The sweeper's turn with an issue. Throws when it should be tried again with a growing pause. */
export async function driveIssue(deps: IssueDeps, issue_id: string, attempts: number, signal: AbortSignal): Promise<void> {
  const issue = await deps.store.load(issue_id);
  if (issue === undefined || issue.state === 'ISSUED' || issue.state === 'FAILED') return;
  const last = attempts + 1 >= MAX_ISSUE_TRIES;
  let [driven] = (await driveOnce(deps, [issue], signal)) as [Issue];
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

/** One try of each, in whatever state it is; as they are afterwards, in order. */
async function driveOnce(deps: IssueDeps, issues: readonly Issue[], signal: AbortSignal | undefined): Promise<Issue[]> {
  const answers = await register(deps, issues.filter(({ state }) => state === 'ISSUING'), signal);
  const key = answers.length === 0 ? undefined : deps.keys.signing();
  const completed = key === undefined ? [] : await deps.store.complete(answers.map(({ issue, registered }) => ({ issue_id: issue.issue_id, tickets: registered })), (facts) => signToken(facts, key));
  const now = new Map(answers.map(({ issue }, index) => [issue.issue_id, completed[index] ?? issue]));
  const refusals = new Map(answers.map(({ issue, refused }) => [issue.issue_id, refused]));
  return Promise.all(issues.map(async (issue) => {
    if (issue.state === 'ABORTING') return undo(deps, issue, signal);
    const refused = refusals.get(issue.issue_id);
    return refused === undefined ? (now.get(issue.issue_id) ?? issue) : undo(deps, await deps.store.abort(issue.issue_id, refused), signal);
  }));
}

/** What the railway said of an issue: why one of its tickets will never be registered, or what it registered now. */
type Answered = { issue: Issue; registered: { ticket_id: bigint; railway_ref: string }[]; refused: string | undefined };

/** Asks the railway for every ticket that is not registered, of all issues in one request. Issues that nothing is known of are left out. */
async function register(deps: IssueDeps, issues: readonly Issue[], signal: AbortSignal | undefined): Promise<Answered[]> {
  const resolved = await Promise.all(issues.map(async (issue) => ({ issue, people: await peopleOf(deps, issue, signal) })));
  const asking = resolved.flatMap(({ issue, people }) => (people.ok ? [{ issue, issue_id: issue.issue_id, people: people.value }] : []));
  const to_ask = asking.filter(({ issue }) => openOf(issue).length > 0);
  const marked = to_ask.length === 0 ? new Set<string>() : await deps.store.markAsked(to_ask);
  const known = asking.filter(({ issue, issue_id }) => marked.has(issue_id) || openOf(issue).length === 0);
  const wanted = known.flatMap(({ issue, people }) => openOf(issue).flatMap((ticket) => {
    const person = people.find(({ passenger_id }) => passenger_id === ticket.passenger_id);
    return person === undefined ? [] : [{ ticket, person }];
  }));
  const answers = wanted.length === 0 ? [] : await deps.railway.register(wanted, signal);
  const by_ticket = new Map(wanted.map(({ ticket }, index) => [ticket.ticket_id, answers[index]!]));
  for (const [ticket_id, answer] of by_ticket) if (!answer.ok && answer.problem === 'refused') await deps.store.markRefused(ticket_id);
  const nobody = resolved.flatMap(({ issue, people }): Answered[] => (!people.ok && people.error.reason === 'PASSENGER_NOT_FOUND' ? [{ issue, registered: [], refused: 'PASSENGER_NOT_FOUND' }] : []));
  return [...nobody, ...known.map(({ issue }) => answeredOf(issue, by_ticket))];
}

function answeredOf(issue: Issue, answers: ReadonlyMap<bigint, RailwayAnswer>): Answered {
  const registered: Answered['registered'] = [];
  let refused: string | undefined;
  for (const { ticket_id } of openOf(issue)) {
    const answer = answers.get(ticket_id);
    if (answer === undefined) refused ??= 'PASSENGER_NOT_FOUND';
    else if (answer.ok) registered.push({ ticket_id, railway_ref: answer.railway_ref });
    else if (answer.problem === 'refused') refused ??= `RAILWAY_REFUSED ${answer.detail}`;
  }
  return { issue, registered, refused };
}

/** Nobody, when every ticket is registered already. */
async function peopleOf({ people }: IssueDeps, issue: Issue, signal: AbortSignal | undefined): Promise<Result<Person[]>> {
  const ids = openOf(issue).map(({ passenger_id }) => passenger_id);
  return ids.length === 0 ? ok([]) : people.resolve(issue.account_id, ids, signal);
}

function openOf({ tickets }: Issue): Ticket[] {
  return tickets.filter(({ railway_state }) => railway_state !== 'REGISTERED');
}

/** Voids at the railway what it may know; FAILED when nothing is left there. */
async function undo(deps: IssueDeps, issue: Issue, signal: AbortSignal | undefined): Promise<Issue> {
  const due = issue.tickets.filter(({ railway_state }) => railway_state === 'VOID_DUE');
  await Promise.all(due.map((ticket) => voidAtRailway(deps, ticket, signal)));
  return deps.store.finishAbort(issue.issue_id, false);
}
