/** Rows to plain objects and back. */
import type { EntryBody, EntryState, QueueEntry } from '../domain/entry.ts';
import type { Channel, Journey, MoneySource, Order, OrderItem, PassengerType, SeatPart, Todo } from '../domain/order.ts';
import type { CloseReason, OrderState } from '../domain/state.ts';

export type EntryRow = {
  entry_id: string;
  sequence: bigint;
  account_id: bigint;
  tenant: string;
  channel: Channel;
  request_id: string;
  run_id: string;
  bucket: number;
  state: EntryState;
  priority: number;
  hold_no: number;
  body: string;
  reason: string | null;
  order_id: bigint | null;
  standby_id: string | null;
  standby_reason: string | null;
  standby_time: Date | null;
  standby_after: Date | null;
  enter_time: Date;
  dequeue_time: Date | null;
};

export const ENTRY_COLUMNS = 'entry_id, sequence, account_id, tenant, channel, request_id, run_id, bucket, state, priority, hold_no, body, reason, order_id, standby_id, standby_reason, standby_time, standby_after, enter_time, dequeue_time';

export function entryOf(row: EntryRow): QueueEntry {
  const { entry_id, tenant, channel, request_id, run_id, bucket, state, priority, hold_no } = row;
  return {
    entry_id,
    tenant,
    channel,
    request_id,
    run_id,
    bucket,
    state,
    priority,
    hold_no,
    account_id: String(row.account_id),
    sequence: Number(row.sequence),
    body: JSON.parse(row.body) as EntryBody,
    reason: row.reason ?? undefined,
    order_id: row.order_id === null ? undefined : String(row.order_id),
    standby_id: row.standby_id ?? undefined,
    standby_reason: row.standby_reason ?? undefined,
    standby_since_ms: row.standby_time?.getTime(),
    standby_after_ms: row.standby_after?.getTime(),
    enter_ms: row.enter_time.getTime(),
    dequeue_ms: row.dequeue_time?.getTime(),
  };
}

export type OrderRow = {
  order_id: bigint;
  account_id: bigint;
  tenant: string;
  channel: Channel;
  entry_id: string;
  request_id: string;
  run_id: string;
  state: OrderState;
  version: bigint;
  close_reason: CloseReason | null;
  journey: string;
  hold_id: string;
  total_fen: bigint;
  payment_id: string | null;
  refund_id: string | null;
  todo: string;
  create_time: Date;
  update_time: Date;
  pay_expire_time: Date;
  closing_time: Date | null;
  attempts: number;
};

export type ItemRow = {
  order_id: bigint;
  item_no: number;
  passenger_id: string;
  person: string;
  passenger_name_masked: string;
  id_number_masked: string;
  passenger_type: PassengerType;
  places: string;
  state: OrderState;
  version: bigint;
  fare_fen: bigint;
  refunded_fen: bigint;
  ticket_id: string | null;
  close_reason: CloseReason | null;
  journey: string | null;
  changed: number;
  hold_id: string;
  money: string | null;
};

/** Columns of an item beside those of its order, whose names some of them share. */
export const JOINED_ITEM_COLUMNS = `i.item_no, i.passenger_id, i.person, i.passenger_name_masked, i.id_number_masked, i.passenger_type, i.places, i.fare_fen, i.refunded_fen, i.ticket_id, i.changed, i.money,
  i.state AS item_state, i.version AS item_version, i.close_reason AS item_close_reason, i.journey AS item_journey, i.hold_id AS item_hold_id`;

export type JoinedItemRow = Omit<ItemRow, 'state' | 'version' | 'close_reason' | 'journey' | 'hold_id'> & {
  item_state: OrderState;
  item_version: bigint;
  item_close_reason: CloseReason | null;
  item_journey: string | null;
  item_hold_id: string;
};

export function joinedItem(row: JoinedItemRow): ItemRow {
  return { ...row, state: row.item_state, version: row.item_version, close_reason: row.item_close_reason, journey: row.item_journey, hold_id: row.item_hold_id };
}

export function orderOf(row: OrderRow, items: readonly ItemRow[]): Order {
  const { tenant, channel, entry_id, request_id, state, hold_id, attempts } = row;
  return {
    order_id: String(row.order_id),
    account_id: String(row.account_id),
    tenant,
    channel,
    entry_id,
    request_id,
    state,
    hold_id,
    attempts,
    version: Number(row.version),
    close_reason: row.close_reason ?? undefined,
    journey: JSON.parse(row.journey) as Journey,
    total_fen: Number(row.total_fen),
    items: items.map(itemOf),
    create_ms: row.create_time.getTime(),
    update_ms: row.update_time.getTime(),
    pay_expire_ms: row.pay_expire_time.getTime(),
    payment_id: row.payment_id ?? undefined,
    refund_id: row.refund_id ?? undefined,
    closing_ms: row.closing_time?.getTime(),
    todo: row.todo === '' ? [] : (row.todo.split(',') as Todo[]),
  };
}

function itemOf(row: ItemRow): OrderItem {
  const { item_no, passenger_id, person, passenger_name_masked, id_number_masked, passenger_type, state, hold_id } = row;
  const seat_parts = JSON.parse(row.places) as SeatPart[];
  return {
    item_no,
    passenger_id,
    person,
    passenger_name_masked,
    id_number_masked,
    passenger_type,
    state,
    hold_id,
    seat: seat_parts[0]!.seat,
    seat_parts,
    version: Number(row.version),
    fare_fen: Number(row.fare_fen),
    refunded_fen: Number(row.refunded_fen),
    ticket_id: row.ticket_id ?? undefined,
    close_reason: row.close_reason ?? undefined,
    journey: row.journey === null ? undefined : (JSON.parse(row.journey) as Journey),
    changed: row.changed === 1,
    ...(row.money === null ? {} : { money: JSON.parse(row.money) as MoneySource[] }),
  };
}

export function dateOf(ms: number): Date {
  return new Date(ms);
}

/** `(?, ?), (?, ?)` for rows of a multi-row insert. */
export function valuesOf(rows: number, columns: number): string {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`;
  return Array.from({ length: rows }, () => row).join(', ');
}
