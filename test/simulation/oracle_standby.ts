/** What the oracle knows of those who wait for seats that others give back. */
import type { Standby } from '../../services/aftersales/domain/standby.ts';
import { isOver, matchHoldId } from '../../services/aftersales/domain/standby.ts';
import { rankOf } from '../../services/aftersales/domain/standby_priority.ts';
import type { Order } from '../../services/order/domain/order.ts';
import { originOf } from './nodes/standby_node.ts';
import { isLive } from './outside/inventory.ts';
import type { World } from './world.ts';

/** Once nothing goes wrong any more: the longest that a match, its order, the payment window, the gateway's silence and a sweeper's pause take together. */
const END_WITHIN_MS = 15 * 60_000;

/** Whoever is chosen is in time, and nobody of the same kind stands before him in the queue that the matcher had read. */
export function judgeMatch({ aftersales_db: { standby: db }, scheduler, faults }: World, chosen: Standby, { together, read_ms }: { together: readonly Standby[]; read_ms: number }): string[] {
  const violations: string[] = [];
  // A process whose clock is wrong decides by that.
  if (faults.counts.clock_jump === 0 && scheduler.now_ms() >= chosen.deadline_ms + 1) violations.push(`standby ${chosen.standby_id} was matched after its deadline`);
  const mine = db.wishes.find(({ standby_id, wish_no }) => standby_id === chosen.standby_id && wish_no === chosen.wish_no);
  if (mine === undefined) return [...violations, `standby ${chosen.standby_id} was matched and is in no queue`];
  const before = db.wishes.filter(({ run_id, kind, rank, since_ms }) => run_id === mine.run_id && kind === mine.kind && rank < mine.rank && since_ms < read_ms);
  // Also one that is being matched on another run: whether it gets seats there is not known yet.
  const overtaken = before.find((wish) => !together.some(({ standby_id }) => standby_id === wish.standby_id));
  if (overtaken !== undefined) violations.push(`standby ${chosen.standby_id} overtook ${overtaken.standby_id}, which waited for the same before it`);
  if (mine.rank !== rankOf(chosen.priority, chosen.sequence)) violations.push(`standby ${chosen.standby_id} stands elsewhere than its priority says`);
  return violations;
}

/** Whoever ends with seats and no order has given them back. */
export function judgeGivenUp({ inventory }: World, before: Standby, ended: Standby): string[] {
  const hold = inventory.holds.get(matchHoldId(ended));
  const keeps = before.state === 'LOCKED' && ended.state === 'FAIL' && ended.order_id === '' && hold !== undefined && isLive(hold);
  return keeps ? [`standby ${ended.standby_id} ended (${ended.reason}) and keeps hold ${hold.hold_id}`] : [];
}

/** Each standby is over in time, its order says the same of it, and nothing of it is left anywhere. */
export function judgeStandbys(world: World, calm_from_ms: number): string[] {
  const { aftersales_db: { standby: db }, inventory } = world;
  const orders = Map.groupBy(world.order_db.orders.values(), ({ order_id }) => world.order_db.timeline.get(order_id)![0]!.cause);
  const violations = [...db.rows.values()].flatMap((standby) => [
    ...judgeEnd(standby, db.ended_ms.get(standby.standby_id), calm_from_ms),
    ...judgeOrder(standby, orders.get(`placed: ${originOf(standby.standby_id)}`) ?? [], world.faults.counts.process_frozen > 0),
  ]);
  for (const { standby_id, run_id } of db.wishes) violations.push(`standby ${standby_id}, which is over, is in the queue of ${run_id}`);
  for (const { standby_id, person } of db.claims) violations.push(`standby ${standby_id}, which is over, keeps ${person} from waiting for another`);
  for (const [run_id, { waiting, version, told }] of db.runs) if (waiting !== 0 || version !== told) violations.push(`${waiting} wait for ${run_id} at the end; inventory knows ${told} of ${version}`);
  const { kept, waited_for } = inventory.kept.left();
  if (kept > 0) violations.push(`${kept} seats are kept for nobody`);
  for (const run_id of waited_for) violations.push(`inventory believes that somebody waits for ${run_id}`);
  return violations;
}

/** For the table of a run. */
export function standbyOutcomes({ aftersales_db }: World): string[] {
  return [...aftersales_db.standby.rows.values()].map(({ state, reason }) => `standby ${state} ${reason}`.trim());
}

function judgeEnd({ standby_id, state, deadline_ms, reason }: Standby, ended_ms: number | undefined, calm_from_ms: number): string[] {
  if (!isOver(state) || ended_ms === undefined) return [`standby ${standby_id} is still ${state}`];
  if (state === 'FAIL' && reason === '') return [`standby ${standby_id} failed and nobody knows why`];
  return ended_ms <= Math.max(deadline_ms, calm_from_ms) + END_WITHIN_MS ? [] : [`standby ${standby_id} ended long after its deadline`];
}

/** One order at most, of all of its people; it succeeded if that was ticketed. */
function judgeOrder(standby: Standby, orders: readonly Order[], froze: boolean): string[] {
  const { standby_id, state, order_id, travellers } = standby;
  if (orders.length > 1) return [`standby ${standby_id} has ${orders.length} orders`];
  const [order] = orders;
  if (order === undefined) return state === 'SUCCESS' || order_id !== '' ? [`standby ${standby_id} is ${state} without an order`] : [];
  // A process that stood still makes the order that another was refused meanwhile (JOURNEY_OVERLAP, until that journey was over): it has no
  // seats then, and ends by itself, as any order that has lost its hold.
  if (froze && state === 'FAIL' && order_id === '' && standby.reason === 'JOURNEY_OVERLAP') return [];
  const violations: string[] = [];
  if (order.order_id !== order_id) violations.push(`standby ${standby_id} knows nothing of its order ${order.order_id}`);
  if (order.items.length !== travellers.length) violations.push(`standby ${standby_id} of ${travellers.length} got ${order.items.length} seats`);
  const ticketed = order.items.some(({ ticket_id = '' }) => ticket_id !== '');
  if ((state === 'SUCCESS') !== ticketed) violations.push(`standby ${standby_id} is ${state}, its order was ${ticketed ? '' : 'not '}ticketed`);
  return violations;
}
