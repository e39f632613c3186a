import type { Journey } from '#kit/base/journey.ts';
import type { Issue, IssueState, RailwayState, Seat, SeatPart, Ticket, TicketState } from '../domain/ticket.ts';

export type TicketRow = {
  ticket_id: bigint; issue_id: string; order_id: bigint; account_id: bigint; item_id: string; version: bigint; state: TicketState; passenger_id: string; passenger_type: string;
  name_masked: string; id_number_masked: string; last_four_sealed: Buffer | null; seat: string; seat_parts: string | null; journey: string; not_after: Date; qr_token: string; railway_ref: string;
  railway_state: RailwayState; asked_at: Date | null; issued_at: Date | null; holder_tag: Buffer | null; admission: string | null;
};

export type IssueRow = { issue_id: string; order_id: bigint; account_id: bigint; state: IssueState; failure_reason: string; replaces: number };

export function ticketOf(row: TicketRow): Ticket {
  const journey = JSON.parse(row.journey) as Journey;
  return {
    ticket_id: BigInt(row.ticket_id),
    issue_id: row.issue_id,
    order_id: BigInt(row.order_id),
    account_id: BigInt(row.account_id),
    item_id: row.item_id,
    version: BigInt(row.version),
    state: row.state,
    passenger_id: row.passenger_id,
    passenger_type: row.passenger_type,
    name_masked: row.name_masked,
    id_number_masked: row.id_number_masked,
    seat_parts: seatPartsOf(row, journey),
    journey,
    issue_time_ms: row.issued_at?.getTime(),
    not_after_ms: row.not_after.getTime(),
    qr_token: row.qr_token,
    railway_ref: row.railway_ref,
    railway_state: row.railway_state,
    asked_ms: row.asked_at?.getTime(),
    holder_tag: Uint8Array.from(row.holder_tag ?? []),
    admission: row.admission ?? '',
  };
}

export function issueOf(row: IssueRow, tickets: readonly TicketRow[]): Issue {
  const { issue_id, state, failure_reason } = row;
  return { issue_id, order_id: BigInt(row.order_id), account_id: BigInt(row.account_id), state, failure_reason, tickets: tickets.map(ticketOf), replaces: row.replaces === 1 };
}

/** A row of before tickets had several seats, or of a version that knows one only, has the same seat all the way. */
function seatPartsOf({ seat, seat_parts }: TicketRow, { from_index, to_index }: Journey): SeatPart[] {
  return seat_parts === null ? [{ seat: JSON.parse(seat) as Seat, from_index, to_index }] : (JSON.parse(seat_parts) as SeatPart[]);
}
