/** What the oracle knows of changes of trains, and of tickets while anything is under way. */
import { differenceOf, type Change } from '../../services/aftersales/domain/change.ts';
import { itemIdOf, journeyOf, type Order, type OrderItem } from '../../services/order/domain/order.ts';
import type { Ticket } from '../../services/ticketing/domain/ticket.ts';
import type { World } from './world.ts';

/** An item that was ticketed has exactly one ticket that counts, whatever is under way, until it is being refunded; none ever has two. */
export function judgeTickets({ order_db, ticket_db }: World, order_id: string): string[] {
  const counting = [...ticket_db.tickets.values()].filter((ticket) => String(ticket.order_id) === order_id && counts(ticket));
  return (order_db.orders.get(order_id)?.items ?? []).flatMap(({ item_no, state }) => {
    const mine = counting.filter(({ item_id }) => item_id === itemIdOf(order_id, item_no)).length;
    const wrong = mine > 1 || (mine === 0 && (state === 'SUCCESS' || state === 'CHANGE'));
    return wrong ? [`item ${order_id}-${item_no} is ${state} and has ${mine} tickets that count at this moment`] : [];
  });
}

/** Every change ended, and its order, its ticket and its claims say the same of it. */
export function judgeChanges(world: World, promised: ReadonlyMap<bigint, number>): string[] {
  const { aftersales_db, order_db } = world;
  const faults: string[] = [];
  for (const { change_id, stage } of aftersales_db.changes.values()) if (stage !== 'DONE' && stage !== 'CANCELLED' && stage !== 'REFUSED') faults.push(`change ${change_id} is still ${stage}`);
  for (const change of aftersales_db.changes.values()) faults.push(...judgeDifference(world, change, promised.get(change.change_id)));
  for (const order of order_db.orders.values()) for (const item of order.items) if (item.state === 'SUCCESS') faults.push(...judgeTravel(world, order, item));
  for (const { entry_id, item_no, beside } of order_db.claims) if (beside === true) faults.push(`item ${item_no} of entry ${entry_id} keeps the time of a journey that it only wanted`);
  return faults;
}

/** Fees that changes of an order kept. */
export function changeFees(world: World, order_id: string): number {
  return changesOf(world, order_id).filter(({ stage }) => stage === 'DONE').reduce((sum, { items }) => sum + items.reduce((fees, { fee_fen }) => fees + fee_fen, 0), 0);
}

/** For the table of a run. */
export function changeOutcomes({ aftersales_db }: World): string[] {
  return [...aftersales_db.changes.values()].map(({ stage, reason, payment_id, items }) => {
    if (stage !== 'DONE') return `change ${stage} ${reason}`;
    return `change DONE ${payment_id !== '' ? 'dearer' : items.some(({ old_fare_fen, new_fare_fen }) => new_fare_fen < old_fare_fen) ? 'cheaper' : 'even'}`;
  });
}

/** A change that was made cost what was agreed and never more than was quoted; one that was not made cost nothing. */
function judgeDifference({ payment_db }: World, { change_id, stage, items }: Change, promised_fen: number | undefined): string[] {
  const sum = (all: readonly { amount_fen: number }[]): number => all.reduce((total, { amount_fen }) => total + amount_fen, 0);
  const paid = [...payment_db.payments.values()].filter((payment) => payment.change_id === String(change_id) && payment.state === 'SUCCEEDED');
  const refunds = [...payment_db.refunds.values()];
  if (stage !== 'DONE') {
    const kept_fen = sum(paid) - sum(refunds.filter(({ payment_id }) => paid.some((payment) => payment.payment_id === payment_id)));
    return kept_fen === 0 ? [] : [`change ${change_id}, which is ${stage}, kept ${kept_fen} fen`];
  }
  // What comes back later, of another refund of the ticket, is another matter.
  const cost_fen = sum(paid) - sum(refunds.filter(({ refund_id }) => refund_id.startsWith(`c-${change_id}-`)));
  if (cost_fen !== differenceOf(items)) return [`change ${change_id} cost ${cost_fen} fen instead of ${differenceOf(items)}`];
  return cost_fen <= (promised_fen ?? Infinity) ? [] : [`change ${change_id} cost ${cost_fen} fen, ${promised_fen} were quoted`];
}

/** What the traveller holds is what the order says, and it is what was agreed last. */
function judgeTravel(world: World, order: Order, item: OrderItem): string[] {
  const item_id = itemIdOf(order.order_id, item.item_no);
  const journey = journeyOf(order, item);
  const faults: string[] = [];
  const ticket = [...world.ticket_db.tickets.values()].find((one) => one.item_id === item_id && counts(one));
  const part = ticket?.seat_parts[0];
  if (ticket !== undefined && (ticket.journey.run_id !== journey.run_id || part?.seat.seat_no !== item.seat.seat_no || part?.from_index !== journey.from_index || part.to_index !== journey.to_index)) faults.push(`the ticket of item ${item_id} is for another ride than its order's`);
  const done = changesOf(world, order.order_id).filter((change) => change.stage === 'DONE' && change.items.some((one) => one.item_id === item_id));
  if (done.length > 1) faults.push(`item ${item_id} was changed ${done.length} times`);
  if (item.changed !== (done.length === 1) || (done[0] !== undefined && done[0].journey.run_id !== journey.run_id)) faults.push(`item ${item_id} travels otherwise than its changes say`);
  const claims = world.order_db.claims.filter((claim) => claim.entry_id === order.entry_id && claim.item_no === item.item_no);
  if (claims.some(({ start_ms, end_ms }) => start_ms !== journey.departure_ms || end_ms !== journey.arrival_ms)) faults.push(`item ${item_id} has claimed another time than that of its journey`);
  if (claims.length === 0) faults.push(`item ${item_id} has not claimed its time`);
  return faults;
}

function changesOf({ aftersales_db }: World, order_id: string): Change[] {
  return [...aftersales_db.changes.values()].filter((change) => String(change.order_id) === order_id);
}

function counts({ state }: Ticket): boolean {
  return state === 'VALID' || state === 'USED';
}
