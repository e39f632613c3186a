/** What every TicketStore must do, whatever is behind it. */
import { randomInt, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { required, type Result } from '#kit/base/result.ts';
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
    const begun = required(await begin(store, wanted));
    t.deepEqual([begun.state, begun.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ISSUING', [['ISSUING', 'NONE'], ['ISSUING', 'NONE']]]);
    t.is(required(await begin(store, { ...wanted, items: wanted.items.toReversed() })).issue_id, begun.issue_id);
    const mixed = await begin(store, { ...wanted, items: [wanted.items[0]!] });
    t.is(mixed.ok ? '' : mixed.error.reason, 'CONFLICT');
    t.deepEqual(await store.issuing(wanted.order_id, []), [begun.issue_id]);
    t.deepEqual(await store.issuing(wanted.order_id, [wanted.items[1]!.item_id]), [begun.issue_id]);
    t.deepEqual(await store.issuing(wanted.order_id, ['another']), []);
    t.is(await store.load('nobody'), undefined);
  });

  test(`${name}: an issue is complete when every ticket is registered, and once`, async (t) => {
    const store = await open(t);
    const { issue, wanted } = await asked(store, 2);
    t.is((await complete(store, issue, [0]))!.state, 'ISSUING', 'one is missing');
    const done = (await complete(store, issue, [1]))!;
    t.deepEqual([done.state, done.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ISSUED', [['VALID', 'REGISTERED'], ['VALID', 'REGISTERED']]]);
    t.true(done.tickets.every(({ qr_token, issue_time_ms }) => qr_token !== '' && issue_time_ms !== undefined));
    t.deepEqual((await store.load(issue.issue_id))!.tickets, done.tickets);
    t.deepEqual((await complete(store, issue, []))!.tickets, done.tickets, 'a second signature would make a second code');
    t.is((await store.abort(issue.issue_id, 'TOO LATE')).state, 'ISSUED');
    t.is((await store.markAsked([{ issue_id: issue.issue_id, people: wanted.items.map(personOf) }])).size, 0);
    t.deepEqual(await store.issuing(wanted.order_id, []), []);
  });

  test(`${name}: many orders are issued together, and none touches another`, async (t) => {
    const store = await open(t);
    const [whole, part, given_up] = [newIssue(2), newIssue(2), newIssue(1)];
    const known = required(await begin(store, part));
    const torn = { ...whole, items: [whole.items[0]!] };
    const begun = await store.begin([whole, part, given_up, torn, whole], ACTOR);
    t.deepEqual(begun.map((one) => (one.ok ? one.value.order_id : one.error.reason)), [whole.order_id, part.order_id, given_up.order_id, 'CONFLICT', whole.order_id]);
    const [first, second, third] = begun.map((one) => (one.ok ? one.value : undefined)) as [Issue, Issue, Issue];
    t.is(second.issue_id, known.issue_id);
    t.deepEqual(await store.load(first.issue_id), first, 'as it was told');

    await store.abort(third.issue_id, 'VOIDED');
    const asked_for = [whole, part, given_up].map((one, index) => ({ issue_id: [first, second, third][index]!.issue_id, people: one.items.map(personOf) }));
    t.deepEqual([...(await store.markAsked(asked_for))].toSorted(), [first.issue_id, second.issue_id].toSorted());
    const registered = [first, second, third].map(({ issue_id, tickets }, index) => ({ issue_id, tickets: tickets.slice(index === 1 ? 1 : 0).map(({ ticket_id }) => ({ ticket_id, railway_ref: `E${ticket_id}` })) }));
    const done = await store.complete(registered, sign);
    t.deepEqual(done.map((issue) => issue?.state), ['ISSUED', 'ISSUING', 'ABORTING']);
    const codes = done[0]!.tickets.map(({ qr_token, railway_ref, ticket_id }) => [qr_token !== '', railway_ref === `E${ticket_id}`]);
    t.deepEqual(codes, [[true, true], [true, true]]);
    t.is(new Set(done[0]!.tickets.map(({ qr_token }) => qr_token)).size, 2);
    t.deepEqual((await store.load(first.issue_id))!.tickets, done[0]!.tickets);
    t.deepEqual(await Promise.all(first.tickets.map(({ ticket_id }) => store.lastFour(ticket_id))), ['123X', '123X']);
  });

  test(`${name}: what is given up counts nowhere, and the railway forgets what it may know`, async (t) => {
    const store = await open(t);
    const { issue } = await asked(store, 3);
    const [registered, refused, silent] = issue.tickets.map(({ ticket_id }) => ticket_id) as [bigint, bigint, bigint];
    await store.complete([{ issue_id: issue.issue_id, tickets: [{ ticket_id: registered, railway_ref: 'E1' }] }], sign);
    await store.markRefused(refused);
    const aborted = await store.abort(issue.issue_id, 'RAILWAY_REFUSED');
    t.deepEqual([aborted.state, aborted.failure_reason, aborted.tickets.map(({ state, railway_state }) => [state, railway_state])], ['ABORTING', 'RAILWAY_REFUSED', [['VOID', 'VOID_DUE'], ['VOID', 'REFUSED'], ['VOID', 'VOID_DUE']]]);
    t.is((await store.finishAbort(issue.issue_id, false)).state, 'ABORTING');
    for (const ticket_id of [registered, refused, silent]) await store.markVoided(ticket_id);
    t.deepEqual((await store.load(issue.issue_id))!.tickets.map(({ railway_state }) => railway_state), ['VOIDED', 'VOIDED', 'VOIDED']);
    t.is((await store.finishAbort(issue.issue_id, false)).state, 'FAILED');
    t.is((await complete(store, issue, []))!.state, 'FAILED');
    // A registration whose answer comes only now is to be voided again.
    await store.complete([{ issue_id: issue.issue_id, tickets: [{ ticket_id: silent, railway_ref: 'E3' }] }], sign);
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
    t.deepEqual(required(await store.voidTickets(wanted.order_id, [first!], 'refund', ACTOR)).map(({ state }) => state), ['VOID']);
    t.deepEqual(required(await store.voidTickets(wanted.order_id, [first!], 'refund', ACTOR)).map(({ state }) => state), ['VOID'], 'a repeat');
    t.is(await store.admit(issue.tickets[0]!, '', ACTOR), 'late');
    const states = (await store.ofOrder(wanted.order_id)).map(({ item_id, state, railway_state }) => [item_id, state, railway_state]);
    t.deepEqual(states, [[first, 'VOID', 'VOID_DUE'], [second, 'USED', 'REGISTERED']]);
    t.deepEqual(await store.revoked(journeyOf(issue)), [{ ticket_id: issue.tickets[0]!.ticket_id, version: 1n }]);
    t.is(await store.lastFour(issue.tickets[1]!.ticket_id), '123X');
  });

  test(`${name}: a change of train swaps tickets in one step, and not when one was used`, async (t) => {
    const store = await open(t);
    const { issue: old, wanted } = await issued(store, 2);
    const change = async (version: bigint) => {
      const fresh = { ...wanted, replaces: true, items: wanted.items.map((item) => ({ ...item, version })) };
      const { issue_id } = required(await begin(store, fresh));
      await store.markAsked([{ issue_id, people: fresh.items.map(personOf) }]);
      return (await store.load(issue_id))!;
    };
    const statesOf = async () => (await store.ofOrder(wanted.order_id)).map(({ item_id, version, state }) => `${item_id.split('-')[1]} v${version} ${state}`);
    const first = await change(2n);
    t.true(first.replaces);
    t.is((await complete(store, first, [0]))!.state, 'ISSUING');
    t.deepEqual(await statesOf(), ['1 v1 VALID', '1 v2 ISSUING', '2 v1 VALID', '2 v2 ISSUING'], 'the old ones are valid as long as the new ones are not');
    t.is((await complete(store, first, [1]))!.state, 'ISSUED');
    t.deepEqual(await statesOf(), ['1 v1 VOID', '1 v2 VALID', '2 v1 VOID', '2 v2 VALID']);
    t.is((await store.find(old.tickets[0]!.ticket_id))!.railway_state, 'VOID_DUE');
    t.deepEqual((await store.revoked(journeyOf(old))).map(({ version }) => version), [1n, 1n]);

    const second = await change(3n);
    t.is(await store.admit((await store.load(first.issue_id))!.tickets[1]!, '', ACTOR), 'admitted');
    const refused = (await complete(store, second, [0, 1]))!;
    t.deepEqual([refused.state, refused.failure_reason], ['ABORTING', 'TICKET_NOT_VALID']);
    t.deepEqual(await statesOf(), ['1 v1 VOID', '1 v2 VALID', '1 v3 VOID', '2 v1 VOID', '2 v2 USED', '2 v3 VOID']);
    t.deepEqual(refused.tickets.map(({ railway_state }) => railway_state), ['VOID_DUE', 'VOID_DUE']);
  });

  test(`${name}: of a gate and a change at the same moment one is first`, async (t) => {
    const store = await open(t);
    for (let round = 0; round < 5; round += 1) {
      const { issue: old, wanted } = await issued(store, 1);
      const fresh = { ...wanted, replaces: true, items: wanted.items.map((item) => ({ ...item, version: 2n })) };
      const { issue_id, tickets } = required(await begin(store, fresh));
      await store.markAsked([{ issue_id, people: fresh.items.map(personOf) }]);
      const [admitted, swapped] = await Promise.all([store.admit(old.tickets[0]!, '', ACTOR), complete(store, { ...old, issue_id, tickets }, [0])]);
      t.is(swapped!.state, admitted === 'admitted' ? 'ABORTING' : 'ISSUED');
      const counting = (await store.ofOrder(wanted.order_id)).filter(({ state }) => state === 'VALID' || state === 'USED');
      t.is(counting.length, 1);
    }
  });
}

async function begin(store: TicketStore, wanted: NewIssue): Promise<Result<Issue>> {
  return (await store.begin([wanted], ACTOR))[0]!;
}

/** The railway has registered these of the issue's tickets. */
async function complete(store: TicketStore, { issue_id, tickets }: Issue, registered: number[]): Promise<Issue | undefined> {
  return (await store.complete([{ issue_id, tickets: registered.map((index) => ({ ticket_id: tickets[index]!.ticket_id, railway_ref: `E${index + 1}` })) }], sign))[0];
}

async function asked(store: TicketStore, count: number): Promise<{ issue: Issue; wanted: NewIssue }> {
  const wanted = newIssue(count);
  const { issue_id } = required(await begin(store, wanted));
  await store.markAsked([{ issue_id, people: wanted.items.map(personOf) }]);
  return { issue: (await store.load(issue_id))!, wanted };
}

async function issued(store: TicketStore, count: number): Promise<{ issue: Issue; wanted: NewIssue }> {
  const { issue, wanted } = await asked(store, count);
  return { issue: (await complete(store, issue, issue.tickets.map((_, index) => index)))!, wanted };
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

function reasonOf(result: Result<unknown>): string {
  return result.ok ? '' : result.error.reason;
}
