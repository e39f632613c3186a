import type { Issue, IssueState, Journey, RailwayState, Seat, Ticket, TicketState } from '../domain/ticket.ts';

export type TicketRow = {
  ticket_id: bigint; issue_id: string; order_id: bigint; account_id: bigint; item_id: string; version: bigint; state: TicketState; passenger_id: string; passenger_type: string;
  name_masked: string; id_number_masked: string; last_four_sealed: Buffer | null; seat: string; journey: string; not_after: Date; qr_token: string; railway_ref: string;
  railway_state: RailwayState; asked_at: Date | null; issued_at: Date | null;
};

export type IssueRow = { issue_id: string; order_id: bigint; account_id: bigint; state: IssueState; failure_reason: string };

export function ticketOf(row: TicketRow): Ticket {
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
    seat: JSON.parse(row.seat) as Seat,
    journey: JSON.parse(row.journey) as Journey,
    issue_time_ms: row.issued_at?.getTime(),
    not_after_ms: row.not_after.getTime(),
    qr_token: row.qr_token,
    railway_ref: row.railway_ref,
    railway_state: row.railway_state,
    asked_ms: row.asked_at?.getTime(),
  };
}

export function issueOf(row: IssueRow, tickets: readonly TicketRow[]): Issue {
  const { issue_id, state, failure_reason } = row;
  return { issue_id, order_id: BigInt(row.order_id), account_id: BigInt(row.account_id), state, failure_reason, tickets: tickets.map(ticketOf) };
}
