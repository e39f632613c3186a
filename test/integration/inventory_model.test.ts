// Random sequences of commands through the real Function and the real ledger, held against a model that a person could keep.
import test from 'ava';
import fc from 'fast-check';
import { HoldOwner, type Hold } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { HeldPlace } from '../../services/inventory/domain/hold.ts';
import { layoutOfCoaches } from '../../services/inventory/domain/layout.ts';
import { findSeat, NO_SEAT } from '../../services/inventory/domain/place.ts';
import { ReferenceModel } from '../../services/inventory/domain/reference_model.ts';
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

type Command =
  | { kind: 'hold'; from: number; to: number; items: SeatClass[][]; wish: { window: boolean; together: boolean; sameCoach: boolean } }
  | { kind: 'sell' | 'release' | 'release_one' | 'repeat'; target: number };

const stretch = fc.tuple(fc.nat(SEGMENTS - 1), fc.nat(SEGMENTS - 1)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }));
const classes = fc.uniqueArray(fc.constantFrom(...CLASSES), { minLength: 1, maxLength: 3 });
const wish = fc.record({ window: fc.boolean(), together: fc.boolean(), sameCoach: fc.boolean() });
const hold = fc.tuple(stretch, fc.array(classes, { minLength: 1, maxLength: 4 }), wish).map(([where, items, wishes]): Command => ({ kind: 'hold', ...where, items, wish: wishes }));
const change = fc.record({ kind: fc.constantFrom('sell', 'release', 'release_one', 'repeat'), target: fc.nat(30) }) as fc.Arbitrary<Command>;
const commands = fc.array(fc.oneof({ arbitrary: hold, weight: 3 }, { arbitrary: change, weight: 2 }), { minLength: 5, maxLength: 40 });

let trains = 0;

test('any sequence of commands leaves what the model says', async (t) => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const run_id = await world.open(testRun(`M${(trains += 1)}`, { stops: SEGMENTS + 1, coaches: [[SeatClass.FIRST, 3], [SeatClass.SECOND, 7]], standing: STANDING_PLACES }));
      const model = new ReferenceModel({ segments: SEGMENTS, seats: new Map([[2, 3], [3, 7]]), standing: STANDING_PLACES });
      const held: { request: Parameters<InventoryWorld['hold']>[0]; hold: Hold }[] = [];
      for (const [step, command] of sequence.entries()) await apply(run_id, model, held, command, step);
      await compareRemaining(run_id, model);
    }),
    { numRuns: 40 },
  );
  const { differences } = await world.ops.reconcile({ dryRun: true });
  t.deepEqual(differences, [], 'Redis and ledger agree on every run');
  const [overlaps] = await world.db.query<{ seats: bigint }>('SELECT COUNT(*) AS seats FROM seat_ledger WHERE occupied >= ?', [1n << BigInt(SEGMENTS)]);
  t.is(overlaps?.seats, 0n, 'no bit behind the last segment');
});

type Held = { request: Parameters<InventoryWorld['hold']>[0]; hold: Hold }[];

async function apply(run_id: string, model: ReferenceModel, held: Held, command: Command, step: number): Promise<void> {
  if (command.kind === 'hold') return applyHold(run_id, model, held, command, step);
  if (held.length === 0) return;
  const { request, hold } = held[command.target % held.length]!;
  const state = model.holds.get(hold.holdId)!.state;
  if (command.kind === 'sell') {
    const reason = await refusal(world.client.sellHold({ holdId: hold.holdId, runId: run_id, orderId: '1' }));
    check(reason === (state === 'RELEASED' ? 'HOLD_EXPIRED' : undefined), `sell in state ${state}: ${reason}`);
    model.sell(hold.holdId);
  } else if (command.kind === 'repeat') {
    const reason = await refusal(world.hold(request));
    check(reason === (state === 'RELEASED' ? 'HOLD_EXPIRED' : undefined), `repeat in state ${state}: ${reason}`);
  } else {
    const itemIds = command.kind === 'release_one' ? ['2'] : [];
    await world.client.releaseHold({ holdId: hold.holdId, runId: run_id, owner: HoldOwner.ORDER, itemIds });
    model.release(hold.holdId, itemIds);
  }
}

async function applyHold(run_id: string, model: ReferenceModel, held: Held, command: Command & { kind: 'hold' }, step: number): Promise<void> {
  const request = {
    holdId: `${run_id}-${step}`,
    runId: run_id,
    fromStationId: `s${command.from}`,
    toStationId: `s${command.to}`,
    items: command.items.map((seatClasses, index) => ({ itemId: String(index + 1), seatClasses })),
    preference: command.wish,
    owner: HoldOwner.ORDER,
  };
  const fits = model.fits(command.items.map((list) => ({ classes: list })), command.from, command.to);
  try {
    const answer = await world.hold(request);
    check(fits, `held what does not fit: ${JSON.stringify(request.items)}`);
    const problem = model.hold(answer.holdId, answer.seats.map(placeOf));
    check(problem === undefined, problem ?? '');
    for (const { itemId, seat } of answer.seats) check(command.items[Number(itemId) - 1]!.includes(seat!.seatClass), `item ${itemId} got another class`);
    held.push({ request, hold: answer });
  } catch (error) {
    check(error instanceof RpcError && error.reason === 'SOLD_OUT' && !fits, `refused what fits: ${String(error)}`);
  }
}

function placeOf({ itemId: item_id, seat, fromIndex: from, toIndex: to }: Hold['seats'][number]): HeldPlace {
  if (seat!.seatNo === '') return { item_id, class_code: 8, index: NO_SEAT, from, to };
  return { item_id, ...findSeat(LAYOUT, seat!.coachNo, seat!.seatNo)!, from, to };
}

async function compareRemaining(run_id: string, model: ReferenceModel): Promise<void> {
  const { remaining } = await world.client.getRemaining({ runId: run_id });
  check(remaining.length === (3 * SEGMENTS * (SEGMENTS + 1)) / 2, 'every pair of every class');
  for (const { seatClass, fromIndex, toIndex, remaining: left } of remaining) {
    const expected = model.remaining(seatClass, fromIndex, toIndex);
    check(left === expected, `class ${seatClass} ${fromIndex}-${toIndex}: ${left} remaining, the model has ${expected}`);
  }
}

async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  const error = await call.then(() => undefined, (failure: unknown) => failure);
  return error instanceof RpcError ? error.reason : undefined;
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
