/** What every TicketStore must do, whatever is behind it. */
import { randomInt, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import type { Result } from '#kit/base/result.ts';
import type { Actor, NewIssue, Person, TicketStore } from '../../../services/ticketing/app/ports.ts';
import type { Issue } from '../../../services/ticketing/domain/ticket.ts';
import { journey } from '../../../services/order/domain/samples.ts';

type Open = (t: ExecutionContext) => Promise<TicketStore>;

const ACTOR: Actor = { account_id: '7', service: 'order', device_id: '', ip: '' };
const sign = (): string => `token-${randomUUID()}`;

export function ticketContract(name: string, open: Open): void {
  test(`${name}: the same item versions are one issue, in whatever order they are named`, async (t) => {
    const store = await open(t);
    const wanted = newIssue(2);
    const begun = must(await store.begin(wanted, ACTOR));
    t.deepEqual([begun.state, begun.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ISSUING', [['ISSUING', 'NONE'], ['ISSUING', 'NONE']]]);
    t.is(must(await store.begin({ ...wanted, items: wanted.items.toReversed() }, ACTOR)).issue_id, begun.issue_id);
    const mixed = await store.begin({ ...wanted, items: [wanted.items[0]!] }, ACTOR);
    t.is(mixed.ok ? '' : mixed.error.reason, 'CONFLICT');
    t.deepEqual(await store.issuing(wanted.order_id, []), [begun.issue_id]);
    t.deepEqual(await store.issuing(wanted.order_id, [wanted.items[1]!.item_id]), [begun.issue_id]);
    t.deepEqual(await store.issuing(wanted.order_id, ['another']), []);
    t.is(await store.load('nobody'), undefined);
  });

  test(`${name}: an issue is complete when every ticket is registered, and once`, async (t) => {
    const store = await open(t);
    const { issue, wanted } = await asked(store, 2);
    await store.markRegistered(issue.tickets[0]!.ticket_id, 'E1');
    t.is((await store.complete(issue.issue_id, sign)).state, 'ISSUING', 'one is missing');
    await store.markRegistered(issue.tickets[1]!.ticket_id, 'E2');
    const done = await store.complete(issue.issue_id, sign);
    t.deepEqual([done.state, done.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ISSUED', [['VALID', 'REGISTERED'], ['VALID', 'REGISTERED']]]);
    t.true(done.tickets.every(({ qr_token, issue_time_ms }) => qr_token !== '' && issue_time_ms !== undefined));
    t.deepEqual((await store.complete(issue.issue_id, sign)).tickets, done.tickets, 'a second signature would make a second code');
    t.is((await store.abort(issue.issue_id, 'TOO LATE')).state, 'ISSUED');
    t.false(await store.markAsked(issue.issue_id, wanted.items.map(personOf)));
    t.deepEqual(await store.issuing(wanted.order_id, []), []);
  });

  test(`${name}: what is given up counts nowhere, and the railway forgets what it may know`, async (t) => {
    const store = await open(t);
    const { issue } = await asked(store, 3);
    const [registered, refused, silent] = issue.tickets.map(({ ticket_id }) => ticket_id) as [bigint, bigint, bigint];
    await store.markRegistered(registered, 'E1');
    await store.markRefused(refused);
    const aborted = await store.abort(issue.issue_id, 'RAILWAY_REFUSED');
    t.deepEqual([aborted.state, aborted.failure_reason, aborted.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ABORTING', 'RAILWAY_REFUSED', [['VOID', 'VOID_DUE'], ['VOID', 'REFUSED'], ['VOID', 'VOID_DUE']]]);
    t.is((await store.finishAbort(issue.issue_id, false)).state, 'ABORTING');
    for (const ticket_id of [registered, refused, silent]) await store.markVoided(ticket_id);
    t.deepEqual((await store.load(issue.issue_id))!.tickets.map(({ railway_state }) => railway_state), ['VOIDED', 'VOIDED', 'VOIDED']);
    t.is((await store.finishAbort(issue.issue_id, false)).state, 'FAILED');
    t.is((await store.complete(issue.issue_id, sign)).state, 'FAILED');
    // A registration whose answer comes only now is to be voided again.
    await store.markRegistered(silent, 'E3');
    t.is((await store.find(silent))?.railway_state, 'VOID_DUE');
    t.deepEqual(await store.revoked(journeyOf(issue)), [], 'nobody has held one of them');
  });

  test(`${name}: an abort can be ended although the railway is away`, async (t) => {
    const store = await open(t);
    const { issue } = await asked(store, 1);
    await store.abort(issue.issue_id, 'DEPENDENCY_UNAVAILABLE');
    t.is((await store.finishAbort(issue.issue_id, true)).state, 'FAILED');
  });

  test(`${name}: tickets are voided all or none, and a used one stays used`, async (t) => {
    const store = await open(t);
    const { issue, wanted } = await issued(store, 2);
    const [first, second] = wanted.items.map(({ item_id }) => item_id);
    t.is(reasonOf(await store.voidTickets(wanted.order_id, ['another'], 'refund', ACTOR)), 'TICKET_NOT_FOUND');
    t.is(await store.admit(issue.tickets[1]!, 'gate/1', ACTOR), 'admitted');
    t.is(await store.admit(issue.tickets[1]!, 'gate/2', ACTOR), 'late');
    t.is(await store.admit(issue.tickets[0]!, 'gate/1', ACTOR), 'reused');
    t.is(reasonOf(await store.voidTickets(wanted.order_id, [first!, second!], 'refund', ACTOR)), 'TICKET_NOT_VALID');
    t.is((await store.find(issue.tickets[0]!.ticket_id))?.state, 'VALID');
    t.deepEqual(must(await store.voidTickets(wanted.order_id, [first!], 'refund', ACTOR)).map(({ state }) => state), ['VOID']);
    t.deepEqual(must(await store.voidTickets(wanted.order_id, [first!], 'refund', ACTOR)).map(({ state }) => state), ['VOID'], 'a repeat');
    t.is(await store.admit(issue.tickets[0]!, '', ACTOR), 'late');
    const states = (await store.ofOrder(wanted.order_id)).map(({ item_id, state, railway_state }) => [item_id, state, railway_state]);
    t.deepEqual(states, [[first, 'VOID', 'VOID_DUE'], [second, 'USED', 'REGISTERED']]);
    t.deepEqual(await store.revoked(journeyOf(issue)), [{ ticket_id: issue.tickets[0]!.ticket_id, version: 1n }]);
    t.is(await store.lastFour(issue.tickets[1]!.ticket_id), '123X');
  });
}

async function asked(store: TicketStore, count: number): Promise<{ issue: Issue; wanted: NewIssue }> {
  const wanted = newIssue(count);
  const { issue_id } = must(await store.begin(wanted, ACTOR));
  await store.markAsked(issue_id, wanted.items.map(personOf));
  return { issue: (await store.load(issue_id))!, wanted };
}

async function issued(store: TicketStore, count: number): Promise<{ issue: Issue; wanted: NewIssue }> {
  const { issue, wanted } = await asked(store, count);
  for (const { ticket_id } of issue.tickets) await store.markRegistered(ticket_id, 'E');
  return { issue: await store.complete(issue.issue_id, sign), wanted };
}

function newIssue(count: number): NewIssue {
  const order_id = BigInt(randomInt(2 ** 40, 2 ** 47));
  const run_id = `G${order_id}.20260116`;
  const seat = { coach_no: '01', seat_no: '1A', seat_class: 'SECOND', berth_level: '' };
  const items = Array.from({ length: count }, (_, index) => ({ item_id: `${order_id}-${index + 1}`, version: 1n, passenger_id: String(index + 1), passenger_type: 'ADULT', seat_parts: [{ seat, from_index: 0, to_index: 3 }], journey: { ...journey, run_id } }));
  return { order_id, account_id: 7n, items };
}

function personOf({ passenger_id }: NewIssue['items'][number]): Person {
  return { passenger_id, name: '张三', id_type: 'RESIDENT', id_number: '11010119900101123X', name_masked: '张*', id_number_masked: '1****X', blind_index: '00'.repeat(16) };
}

function journeyOf(issue: Issue): string {
  return issue.tickets[0]!.journey.run_id;
}

function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
}

function reasonOf(result: Result<unknown>): string {
  return result.ok ? '' : result.error.reason;
}
