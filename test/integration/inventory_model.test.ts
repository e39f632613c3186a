// Random sequences of commands through the real Function and the real ledger, held against a model that a person could keep.
import test from 'ava';
import fc from 'fast-check';
import { HoldOwner, type Hold } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { Channel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { HeldPlace } from '../../services/inventory/domain/hold.ts';
import { layoutOfCoaches } from '../../services/inventory/domain/layout.ts';
import { findSeat, NO_SEAT } from '../../services/inventory/domain/place.ts';
import type { Buyer } from '../../services/inventory/domain/quota.ts';
import { ReferenceModel, type ModelItem, type ModelQuota } from '../../services/inventory/domain/reference_model.ts';
import { coach } from '../../timetable/seats.ts';
import { openInventory, testRun, type InventoryWorld } from './inventory_world.ts';

let world: InventoryWorld;
test.before(async () => {
  world = await openInventory();
});
test.after.always(() => world?.lifecycle.stop());

const SEGMENTS = 5;
const LAYOUT = layoutOfCoaches([{ ...coach(1, 'first', 3), quiet: false }, { ...coach(2, 'second', 7), quiet: false }]);
const CLASSES = [SeatClass.FIRST, SeatClass.SECOND, SeatClass.STANDING];
const STANDING_PLACES = 2;

type Wanted = { from: number; to: number; items: { classes: SeatClass[]; type: PassengerType }[]; channel: Channel; wish: { window: boolean; together: boolean; sameCoach: boolean } };
type QuotaWish = { seat_class: SeatClass; seats: number; types: PassengerType[]; channels: Channel[]; min_segments: number };
type Command =
  | ({ kind: 'hold' } & Wanted)
  | ({ kind: 'exchange'; target: number } & Wanted)
  | { kind: 'quotas'; quotas: QuotaWish[] }
  | { kind: 'sell' | 'release' | 'release_one' | 'repeat'; target: number };

const stretch = fc.tuple(fc.nat(SEGMENTS - 1), fc.nat(SEGMENTS - 1)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }));
const classes = fc.uniqueArray(fc.constantFrom(...CLASSES), { minLength: 1, maxLength: 3 });
const type = fc.constantFrom(PassengerType.ADULT, PassengerType.STUDENT, PassengerType.UNSPECIFIED);
const channel = fc.constantFrom(Channel.UNSPECIFIED, Channel.WEB, Channel.COUNTER);
const wish = fc.record({ window: fc.boolean(), together: fc.boolean(), sameCoach: fc.boolean() });
const items = fc.array(fc.record({ classes, type }), { minLength: 1, maxLength: 4 });
const wanted = fc.tuple(stretch, items, channel, wish).map(([where, list, from_channel, wishes]): Wanted => ({ ...where, items: list, channel: from_channel, wish: wishes }));
const quota = fc.record({
  seat_class: fc.constantFrom<SeatClass[]>(SeatClass.FIRST, SeatClass.SECOND),
  seats: fc.integer({ min: 1, max: 3 }),
  types: fc.constantFrom<PassengerType[]>([], [PassengerType.STUDENT]),
  channels: fc.constantFrom<Channel[]>([], [Channel.WEB], [Channel.COUNTER, Channel.WEB]),
  min_segments: fc.nat(SEGMENTS),
});
const change = fc.record({ kind: fc.constantFrom('sell', 'release', 'release_one', 'repeat'), target: fc.nat(30) }) as fc.Arbitrary<Command>;
const commands = fc.array(
  fc.oneof(
    { arbitrary: wanted.map((one): Command => ({ kind: 'hold', ...one })), weight: 6 },
    { arbitrary: fc.tuple(wanted, fc.nat(30)).map(([one, target]): Command => ({ kind: 'exchange', target, ...one })), weight: 2 },
    { arbitrary: fc.array(quota, { maxLength: 3 }).map((quotas): Command => ({ kind: 'quotas', quotas: quotas.filter(isCondition) })), weight: 1 },
    { arbitrary: change, weight: 4 },
  ),
  { minLength: 5, maxLength: 40 },
);

function isCondition({ types, channels, min_segments }: QuotaWish): boolean {
  return types.length + channels.length + min_segments > 0;
}

let trains = 0;

test('any sequence of commands leaves what the model says', async (t) => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const run_id = await world.open(testRun(`M${(trains += 1)}`, { stops: SEGMENTS + 1, coaches: [[SeatClass.FIRST, 3], [SeatClass.SECOND, 7]], standing: STANDING_PLACES }));
      const model = new ReferenceModel({ segments: SEGMENTS, seats: new Map([[2, 3], [3, 7]]), standing: STANDING_PLACES });
      const held: Held = [];
      for (const [step, command] of sequence.entries()) await apply(run_id, model, held, command, step);
      await compareRemaining(run_id, model);
    }),
    { numRuns: 60 },
  );
  const { differences } = await world.ops.reconcile({ dryRun: true });
  // Holds are sold to an order that nobody placed.
  t.deepEqual(differences.filter(({ kind }) => kind !== 'HOLD_WITHOUT_ORDER'), [], 'Redis and ledger agree on every run');
  const [overlaps] = await world.db.query<{ seats: bigint }>('SELECT COUNT(*) AS seats FROM seat_ledger WHERE occupied >= ?', [1n << BigInt(SEGMENTS)]);
  t.is(overlaps?.seats, 0n, 'no bit behind the last segment');
});

/** `again` makes the request that made the hold. */
type Held = { hold: Hold; again: () => Promise<unknown> }[];

async function apply(run_id: string, model: ReferenceModel, held: Held, command: Command, step: number): Promise<void> {
  if (command.kind === 'hold') return applyHold(run_id, model, held, command, step);
  if (command.kind === 'quotas') return applyQuotas(run_id, model, command.quotas);
  if (held.length === 0) return;
  const { hold, again } = held[command.target % held.length]!;
  const state = model.holds.get(hold.holdId)!.state;
  if (command.kind === 'exchange') return applyExchange(run_id, model, held, command, hold, step);
  if (command.kind === 'sell') {
    const reason = await refusal(world.client.sellHold({ holdId: hold.holdId, runId: run_id, orderId: '1' }));
    check(reason === (state === 'RELEASED' ? 'HOLD_EXPIRED' : undefined), `sell in state ${state}: ${reason}`);
    model.sell(hold.holdId);
  } else if (command.kind === 'repeat') {
    const reason = await refusal(again());
    check(reason === (state === 'RELEASED' ? 'HOLD_EXPIRED' : undefined), `repeat in state ${state}: ${reason}`);
  } else {
    const itemIds = command.kind === 'release_one' ? ['2'] : [];
    await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER, itemIds });
    model.release(hold.holdId, itemIds);
  }
}

async function applyQuotas(run_id: string, model: ReferenceModel, wishes: readonly QuotaWish[]): Promise<void> {
  const left = new Map<SeatClass, number>([[SeatClass.FIRST, 3], [SeatClass.SECOND, 7]]);
  const quotas = wishes.flatMap((one, index) => {
    const end = left.get(one.seat_class)!;
    const seats = Math.min(one.seats, end);
    left.set(one.seat_class, end - seats);
    return seats === 0 ? [] : [{ ...one, seats, name: `q${index}`, first: end - seats }];
  });
  await world.ops.setRunQuotas({ runId: run_id, quotas: quotas.map(({ name, seat_class: seatClass, seats, channels, types: passengerTypes, min_segments: minSegments }) => ({ name, seatClass, seats, channels, passengerTypes, minSegments })) });
  model.quotas = quotas.map(({ seat_class, first, seats, channels, types, min_segments }): ModelQuota => ({
    class_code: seat_class,
    first,
    count: seats,
    allows: (buyer, from, to) => {
      const fits_channel = channels.length === 0 || channels.some((one) => (one === Channel.WEB ? 'web' : 'counter') === buyer.channel);
      return fits_channel && (types.length === 0 || buyer.passenger_type === 'student') && to - from >= min_segments;
    },
  }));
}

function requestOf(run_id: string, { from, to, items: list, channel: from_channel, wish: preference }: Wanted, step: number) {
  return {
    holdId: `${run_id}-${step}`,
    runId: run_id,
    fromStationId: `s${from}`,
    toStationId: `s${to}`,
    items: list.map(({ classes: seatClasses, type: passengerType }, index) => ({ itemId: String(index + 1), seatClasses, passengerType })),
    channel: from_channel,
    preference,
    owner: HoldOwner.ORDER,
  };
}

function buyerOf(from_channel: Channel, passenger_type: PassengerType): Buyer {
  return { channel: from_channel === Channel.WEB ? 'web' : from_channel === Channel.COUNTER ? 'counter' : undefined, passenger_type: passenger_type === PassengerType.STUDENT ? 'student' : 'adult' };
}

function modelItems({ items: list, channel: from_channel }: Wanted): ModelItem[] {
  return list.map((item) => ({ classes: item.classes, buyer: buyerOf(from_channel, item.type) }));
}

function checkPlaces(model: ReferenceModel, answer: Hold, command: Wanted): HeldPlace[] {
  for (const { itemId, seat, fromIndex, toIndex } of answer.seats) {
    const item = command.items[Number(itemId) - 1]!;
    check(item.classes.includes(seat!.seatClass), `item ${itemId} got another class`);
    check(fromIndex === command.from && toIndex === command.to, `item ${itemId} got another stretch`);
    const place = placeOf(answer.seats.find((one) => one.itemId === itemId)!);
    check(place.index === NO_SEAT || model.mayHave(place.class_code, place.index, command.from, command.to, buyerOf(command.channel, item.type)), `item ${itemId} got a seat that is kept for others`);
  }
  return answer.seats.map(placeOf);
}

async function applyHold(run_id: string, model: ReferenceModel, held: Held, command: Wanted, step: number): Promise<void> {
  const request = requestOf(run_id, command, step);
  const fits = model.fits(modelItems(command), command.from, command.to);
  try {
    const answer = await world.hold(request);
    check(fits, `held what does not fit: ${JSON.stringify(request.items)}`);
    const problem = model.hold(answer.holdId, checkPlaces(model, answer, command));
    check(problem === undefined, problem ?? '');
    held.push({ hold: answer, again: () => world.hold(request) });
  } catch (error) {
    check(error instanceof RpcError && error.reason === 'SOLD_OUT' && !fits, `refused what fits: ${String(error)}`);
  }
}

async function applyExchange(run_id: string, model: ReferenceModel, held: Held, command: Wanted, old: Hold, step: number): Promise<void> {
  const { version } = (await world.client.getHold({ holdId: old.holdId, runId: run_id })).hold!;
  const exchange = { holdId: old.holdId, runId: run_id, version, replacement: requestOf(run_id, command, step) };
  const over = model.holds.get(old.holdId)!.state === 'RELEASED';
  const fits = !over && model.fitsInstead(old.holdId, modelItems(command), command.from, command.to);
  const stale = await refusal(world.aftersales.exchangeHold({ ...exchange, version: version + 1n }));
  check(stale === (over ? 'HOLD_EXPIRED' : 'VERSION_STALE'), `an exchange of another version: ${stale}`);
  try {
    const answer = (await world.aftersales.exchangeHold(exchange)).hold!;
    check(fits, 'exchanged for what does not fit');
    const places = checkPlaces(model, answer, command);
    const problem = model.exchange(old.holdId, answer.holdId, places);
    check(problem === undefined, problem ?? '');
    held.push({ hold: answer, again: () => world.aftersales.exchangeHold(exchange) });
  } catch (error) {
    check(error instanceof RpcError && !fits && error.reason === (over ? 'HOLD_EXPIRED' : 'SOLD_OUT'), `refused an exchange that fits: ${String(error)}`);
  }
}

function placeOf({ itemId: item_id, seat, fromIndex: from, toIndex: to }: Hold['seats'][number]): HeldPlace {
  if (seat!.seatNo === '') return { item_id, class_code: 8, index: NO_SEAT, from, to };
  return { item_id, ...findSeat(LAYOUT, seat!.coachNo, seat!.seatNo)!, from, to };
}

async function compareRemaining(run_id: string, model: ReferenceModel): Promise<void> {
  for (const from_channel of [Channel.UNSPECIFIED, Channel.WEB, Channel.COUNTER]) {
    for (const passengerType of [PassengerType.UNSPECIFIED, PassengerType.STUDENT]) {
      const { remaining } = await world.client.getRemaining({ runId: run_id, channel: from_channel, passengerType });
      check(remaining.length === (3 * SEGMENTS * (SEGMENTS + 1)) / 2, 'every pair of every class');
      for (const { seatClass, fromIndex, toIndex, remaining: left } of remaining) {
        const expected = model.remaining(seatClass, fromIndex, toIndex, buyerOf(from_channel, passengerType));
        check(left === expected, `class ${seatClass} ${fromIndex}-${toIndex} for ${from_channel}/${passengerType}: ${left} remaining, the model has ${expected}`);
      }
    }
  }
}

async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(() => undefined, (failure: unknown) => failure);
  return error instanceof RpcError ? error.reason : undefined;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
