/** What every StandbyStore must do for standbys that become orders, whatever is behind it. */
import { randomInt, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { required } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { NewStandby, StandbyActor, StandbyStore, WaitingHead } from '../../../services/aftersales/app/standby_ports.ts';
import type { Standby, Wish } from '../../../services/aftersales/domain/standby.ts';
import { rankOf } from '../../../services/aftersales/domain/standby_priority.ts';
import { hash, why } from './results.ts';

export type StandbyStores = {
  standbys: StandbyStore;
  /** Whether the sweeper would look at it now; of a run, whether it is told of. */
  isDue(what: 'standby' | 'run', id: bigint | string): Promise<boolean>;
};

type Open = (t: ExecutionContext) => Promise<StandbyStores>;

const HOUR_MS = 3_600_000;
const LEAVES_MS = Math.floor(Date.now() / 1000) * 1000 + 48 * HOUR_MS;
const KIND = 'SECOND|0|2|1|0';

export function standbyContract(name: string, open: Open): void {
  creation(name, open);
  matching(name, open);
  endings(name, open);
  runs(name, open);
}

function creation(name: string, open: Open): void {
  test(`${name}: a standby is made once for a request, and waits for its runs`, async (t) => {
    const { standbys, isDue } = await open(t);
    const [one, other] = [runId(), runId()];
    const wanted = newStandby([wishOn(one), wishOn(other)]);
    const actor = somebody();
    t.is(required(await standbys.ofRequest(actor.account_id, wanted.request_id, wanted.body_hash)), undefined);
    const [made, again] = await Promise.all([standbys.create(wanted, actor), standbys.create(wanted, actor)]).then((both) => both.map(required) as [Standby, Standby]);
    t.is(again.standby_id, made.standby_id);
    const { state, version, match_no, wish_no, order_id, reason, locked_ms, match_after_ms, deadline_ms, member_level } = made;
    t.deepEqual([state, version, match_no, wish_no, order_id, reason, locked_ms, match_after_ms, deadline_ms, member_level], ['PENDING', 1n, 0, undefined, '', '', undefined, undefined, wanted.deadline_ms, 3]);
    t.deepEqual([made.wishes, made.travellers], [wanted.wishes, wanted.travellers]);
    t.is(why(await standbys.ofRequest(actor.account_id, wanted.request_id, hash('another'))), 'REQUEST_ID_REUSED');
    t.is(why(await standbys.create({ ...wanted, body_hash: hash('another') }, actor)), 'REQUEST_ID_REUSED');
    t.is(why(await standbys.ofRequest(actor.account_id, formatUuid7(Date.now() - 30 * 24 * HOUR_MS, hash('old')), hash('old'))), 'REQUEST_ID_EXPIRED');
    t.deepEqual(await standbys.find(made.standby_id), made);
    t.is(await standbys.find(1n), undefined);
    const second = required(await standbys.create(newStandby([wishOn(one)]), actor));
    t.deepEqual((await standbys.list(made.account_id, undefined, 10, undefined)).map(({ standby_id }) => standby_id), [second.standby_id, made.standby_id]);
    t.deepEqual((await standbys.list(made.account_id, second.standby_id, 10, undefined)).map(({ standby_id }) => standby_id), [made.standby_id]);
    t.deepEqual(await standbys.list(made.account_id, undefined, 10, '1'), [], 'neither is to change the tickets of that order');
    t.deepEqual(await standbys.heads(one), [headOf(made, 0)]);
    t.deepEqual(await standbys.heads(other), [headOf(made, 1)]);
    t.false(await isDue('standby', made.standby_id), 'nothing happens before its deadline');
  });

  test(`${name}: a person waits for one journey at a time, and for another once it is over`, async (t) => {
    const { standbys } = await open(t);
    const person = `person-${randomUUID()}`;
    const first = await waiting(standbys, [wishOn(runId())], { person });
    const overlapping = newStandby([wishOn(runId(), { departure_ms: LEAVES_MS + HOUR_MS, arrival_ms: LEAVES_MS + 5 * HOUR_MS })], { person });
    t.is(why(await standbys.create(overlapping, somebody())), 'JOURNEY_OVERLAP');
    const later = wishOn(runId(), { departure_ms: first.wishes[0]!.arrival_ms, arrival_ms: first.wishes[0]!.arrival_ms + HOUR_MS });
    t.is((await waiting(standbys, [later], { person })).state, 'PENDING');
    await standbys.end(first, 'FAIL', 'CANCELLED');
    t.is(why(await standbys.create(overlapping, somebody())), 'JOURNEY_OVERLAP', 'the later journey is in its way');
    t.is((await waiting(standbys, first.wishes, { person })).state, 'PENDING');
  });

  test(`${name}: an account waits for so many journeys at most`, async (t) => {
    const { standbys } = await open(t);
    const actor = somebody();
    const results = [];
    for (let made = 0; made < 21; made += 1) results.push(why(await standbys.create(newStandby([wishOn(runId())]), actor)));
    t.deepEqual(results, [...Array.from({ length: 20 }, () => 'ok'), 'STANDBY_LIMIT']);
  });
}

function matching(name: string, open: Open): void {
  test(`${name}: those who wait stand by priority, then as they came`, async (t) => {
    const { standbys } = await open(t);
    const run_id = runId();
    const last = await waiting(standbys, [wishOn(run_id)], { priority: 3 });
    const group = await waiting(standbys, [wishOn(run_id)], { priority: 2, travellers: 3 });
    const first = await waiting(standbys, [wishOn(run_id)], { priority: 1 });
    const second = await waiting(standbys, [wishOn(run_id)], { priority: 1 });
    t.deepEqual(new Set(await standbys.heads(run_id)), new Set([headOf(first, 0), headOf(group, 0)]), 'the first of each kind');
    t.deepEqual(await standbys.front(run_id, [{ kind: KIND, requests: 2 }]), [headOf(first, 0), headOf(second, 0)]);
    t.deepEqual(await standbys.front(run_id, []), []);
    t.deepEqual(new Map((await standbys.ahead(run_id, rankOf(3, last.sequence))).map(({ kind, requests }) => [kind, requests])), new Map([[KIND, 2], ['SECOND|0|2|3|0', 1]]));
    const aged = await standbys.age(last, 0);
    t.deepEqual([aged.state, aged.priority, aged.version], ['PENDING', 0, 2n]);
    t.deepEqual((await standbys.heads(run_id)).find(({ kind }) => kind === KIND), headOf(aged, 0));
    t.is((await standbys.age(last, 2)).priority, 0, 'somebody else has moved it');
  });

  test(`${name}: a claim ends before the first who is busy or late, and each try has its number`, async (t) => {
    const { standbys, isDue } = await open(t);
    const run_id = runId();
    const [one, two, three] = [await waiting(standbys, [wishOn(run_id)]), await waiting(standbys, [wishOn(runId()), wishOn(run_id)]), await waiting(standbys, [wishOn(run_id)])];
    const claimed = await standbys.claim([headOf(one, 0), headOf(two, 1)]);
    t.deepEqual(claimed.map(({ standby_id, state, match_no, wish_no, version }) => [standby_id, state, match_no, wish_no, version]), [[one.standby_id, 'MATCHING', 1, 0, 2n], [two.standby_id, 'MATCHING', 1, 1, 2n]]);
    t.deepEqual(await standbys.claim([headOf(two, 0), headOf(three, 0)]), []);
    t.deepEqual((await standbys.undecided(run_id)).map(({ standby_id }) => standby_id), [one.standby_id, two.standby_id]);
    t.deepEqual(await standbys.undecided(two.wishes[0]!.run_id), [], 'it is matched on another run');
    t.deepEqual((await standbys.front(run_id, [{ kind: KIND, requests: 9 }])).map(({ standby_id }) => standby_id), [one, two, three].map(({ standby_id }) => standby_id), 'they keep their places');
    const back = await standbys.putBack(claimed[0]!);
    t.deepEqual([back.state, back.wish_no, back.match_no], ['PENDING', undefined, 1]);
    t.is((await standbys.claim([headOf(one, 0)]))[0]?.match_no, 2);
    const late = await waiting(standbys, [wishOn(run_id)], { deadline_ms: Date.now() - 1 });
    t.deepEqual(await standbys.claim([headOf(late, 0)]), []);
    t.true(await isDue('standby', late.standby_id));
  });

  test(`${name}: of those who decide about a match one does, and who is locked stands in no queue`, async (t) => {
    const { standbys } = await open(t);
    const [run_id, other] = [runId(), runId()];
    const standby = await waiting(standbys, [wishOn(run_id), wishOn(other)]);
    const behind = await waiting(standbys, [wishOn(run_id)]);
    const claimed = await standbys.claim([headOf(standby, 0), headOf(behind, 0)]);
    const [[locked], back] = await Promise.all([standbys.lock([claimed[0]!]), standbys.putBack(claimed[0]!)]);
    t.is(locked!.state, back.state, 'both tell of what happened');
    const sure = back.state === 'LOCKED' ? claimed : await standbys.claim([headOf(standby, 0)]);
    const both = await standbys.lock([claimed[1]!, sure[0]!]);
    t.deepEqual(both.map(({ standby_id, state }) => [standby_id, state]), [[behind.standby_id, 'LOCKED'], [standby.standby_id, 'LOCKED']]);
    t.true(both[1]!.locked_ms !== undefined);
    t.deepEqual([await standbys.heads(run_id), await standbys.heads(other)], [[], []]);
    const again = await standbys.requeue(both[1]!);
    t.deepEqual([again.state, again.wish_no, again.locked_ms], ['PENDING', undefined, undefined]);
    t.deepEqual(await standbys.heads(run_id), [headOf(standby, 0)], 'at its old place');
    t.deepEqual(await standbys.heads(other), [headOf(standby, 1)]);
  });
}

function endings(name: string, open: Open): void {
  test(`${name}: a wish that can't be had is forgotten, and with the last one the standby`, async (t) => {
    const { standbys } = await open(t);
    const [run_id, other] = [runId(), runId()];
    const standby = await waiting(standbys, [wishOn(run_id), wishOn(other)]);
    const [claimed] = await standbys.claim([headOf(standby, 0)]);
    const back = await standbys.putBack(claimed!, 'TRAIN_DEPARTED');
    t.deepEqual([back.state, back.wish_no], ['PENDING', undefined]);
    t.deepEqual([await standbys.heads(run_id), await standbys.heads(other)], [[], [headOf(standby, 1)]]);
    const [last] = await standbys.claim([headOf(standby, 1)]);
    const over = await standbys.putBack(last!, 'RUN_CANCELLED');
    t.deepEqual([over.state, over.reason], ['FAIL', 'RUN_CANCELLED']);
    t.deepEqual(await standbys.heads(other), []);
    const [{ person }] = standby.travellers as [Standby['travellers'][number]];
    t.is((await waiting(standbys, standby.wishes, { person })).state, 'PENDING', 'its people may wait for others');
  });

  test(`${name}: a match becomes an order and is over with it, once`, async (t) => {
    const { standbys, isDue } = await open(t);
    const standby = await waiting(standbys, [wishOn(runId())]);
    const [locked] = await standbys.lock(await standbys.claim([headOf(standby, 0)]));
    const waits = await standbys.awaitPay(locked!, '4711');
    t.deepEqual([waits.state, waits.order_id], ['AWAIT_PAY', '4711']);
    t.is((await standbys.requeue(locked!)).state, 'AWAIT_PAY', 'nobody goes back behind it');
    const [done, failed] = await Promise.all([standbys.end(waits, 'SUCCESS', ''), standbys.end(waits, 'FAIL', 'ORDER_NOT_PAYABLE')]);
    t.is(done.state, failed.state);
    t.false(await isDue('standby', standby.standby_id));
  });

  test(`${name}: who may be matched later only stands in no queue until then`, async (t) => {
    const { standbys } = await open(t);
    const run_id = runId();
    const sleeping = await waiting(standbys, [wishOn(run_id)], { match_after_ms: LEAVES_MS });
    t.is(sleeping.match_after_ms, LEAVES_MS);
    t.deepEqual([await standbys.heads(run_id), await standbys.waiting(run_id)], [[], undefined]);
    const awake = await standbys.wake(sleeping);
    t.deepEqual([awake.state, awake.match_after_ms], ['PENDING', undefined]);
    t.deepEqual(await standbys.heads(run_id), [headOf(sleeping, 0)]);
    t.is((await waiting(standbys, [wishOn(run_id)], { match_after_ms: Date.now() - 1 })).match_after_ms, undefined);
  });
}

function runs(name: string, open: Open): void {
  test(`${name}: the first who waits for a run and the last who leaves are news for inventory`, async (t) => {
    const { standbys, isDue } = await open(t);
    const run_id = runId();
    t.is(await standbys.waiting(run_id), undefined);
    const twice = await waiting(standbys, [wishOn(run_id), wishOn(run_id, { from_index: 1 })]);
    t.deepEqual(await standbys.waiting(run_id), { waiting: true, version: 1n, told: 0n });
    t.true(await isDue('run', run_id));
    await standbys.told(run_id, 1n);
    t.false(await isDue('run', run_id));
    const second = await waiting(standbys, [wishOn(run_id)]);
    await standbys.end(second, 'FAIL', 'CANCELLED');
    t.deepEqual(await standbys.waiting(run_id), { waiting: true, version: 1n, told: 1n });
    await standbys.end(twice, 'FAIL', 'SOLD_OUT');
    t.deepEqual(await standbys.waiting(run_id), { waiting: false, version: 2n, told: 1n });
    t.true(await isDue('run', run_id));
    await waiting(standbys, [wishOn(run_id)]);
    await standbys.told(run_id, 2n);
    t.deepEqual(await standbys.waiting(run_id), { waiting: true, version: 3n, told: 2n });
    t.true(await isDue('run', run_id), 'there is a newer one');
    await standbys.told(run_id, 3n);
    await standbys.told(run_id, 1n);
    t.deepEqual(await standbys.waiting(run_id), { waiting: true, version: 3n, told: 3n }, 'an older one says nothing');
  });

  test(`${name}: one matches a run at a time`, async (t) => {
    const { standbys } = await open(t);
    const run_id = runId();
    t.false(await standbys.lease(run_id, 'a', HOUR_MS), 'nobody waits for it');
    await waiting(standbys, [wishOn(run_id)]);
    t.true(await standbys.lease(run_id, 'a', HOUR_MS));
    t.false(await standbys.lease(run_id, 'b', HOUR_MS));
    t.true(await standbys.lease(run_id, 'a', 2 * HOUR_MS));
    await standbys.unlease(run_id, 'b');
    t.false(await standbys.lease(run_id, 'b', HOUR_MS), 'it was not its to give back');
    await standbys.unlease(run_id, 'a');
    t.true(await standbys.lease(run_id, 'b', HOUR_MS));
  });
}

type More = { priority?: number; travellers?: number; person?: string; deadline_ms?: number; match_after_ms?: number };

function newStandby(wishes: readonly Wish[], { priority = 3, travellers = 1, person, deadline_ms = LEAVES_MS, match_after_ms }: More = {}): NewStandby {
  const people = Array.from({ length: travellers }, (_, index) => ({ passenger_id: String(index + 1), passenger_type: 'ADULT' as const, person: person ?? `person-${randomUUID()}` }));
  return { request_id: formatUuid7(Date.now(), hash(randomUUID())), body_hash: hash('body'), wishes, travellers: people, deadline_ms, match_after_ms, priority, raw_odds: 0.5 };
}

async function waiting(standbys: StandbyStore, wishes: readonly Wish[], more: More = {}): Promise<Standby> {
  return required(await standbys.create(newStandby(wishes, more), somebody()));
}

function wishOn(run_id: string, more: Partial<Wish> = {}): Wish {
  return { run_id, from_station_id: 's0', to_station_id: 's2', from_index: 0, to_index: 2, departure_ms: LEAVES_MS, arrival_ms: LEAVES_MS + 2 * HOUR_MS, seat_classes: ['SECOND'], accept_same_train_change: false, ...more };
}

function headOf({ standby_id, wishes, travellers, priority, sequence }: Standby, wish_no: number): WaitingHead {
  const { from_index, to_index } = wishes[wish_no]!;
  return { standby_id, wish_no, rank: rankOf(priority, sequence), kind: `SECOND|${from_index}|${to_index}|${travellers.length}|0` };
}

function somebody(): StandbyActor {
  return { account_id: String(randomInt(1, 2 ** 47)), service: 'aftersales', device_id: '', ip: '', tenant: 'rail', channel: 'web', member_level: 3 };
}

function runId(): string {
  return `G${randomInt(1, 1e9)}.20260116`;
}
