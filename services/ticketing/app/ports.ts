import type { Journey } from '#kit/base/journey.ts';
import type { Result } from '#kit/base/result.ts';
import type { Issue, SeatPart, Ticket } from '../domain/ticket.ts';
import type { Ride, SigningKey, TokenFacts } from '../domain/token.ts';

/** Who writes, for the audit; `account_id` is empty for a service in its own name. */
export type Actor = { account_id: string; service: string; device_id: string; ip: string };

export type NewTicket = { item_id: string; version: bigint; passenger_id: string; passenger_type: string; seat_parts: SeatPart[]; journey: Journey };
/** `replaces`: a change of train, see Issue. */
export type NewIssue = { order_id: bigint; account_id: bigint; items: NewTicket[]; replaces?: boolean };

/** A passenger in clear: for the railway, never kept. */
export type Person = {
  passenger_id: string;
  name: string;
  id_type: string;
  id_number: string;
  name_masked: string;
  id_number_masked: string;
  /** Hexadecimal. */
  blind_index: string;
};

export type People = {
  /** In the order asked. PASSENGER_NOT_FOUND is final; other failures are not. */
  resolve(account_id: bigint, passenger_ids: readonly string[], signal?: AbortSignal): Promise<Result<Person[]>>;
};

export type RailwayAnswer = { ok: true; railway_ref: string } | { ok: false; problem: 'refused' | 'unknown' | 'unreachable'; detail: string };

export type Railway = {
  /** One answer for each, in order; they are asked together. */
  register(wanted: readonly { ticket: Ticket; person: Person }[], signal?: AbortSignal): Promise<readonly RailwayAnswer[]>;
  /** `unknown`: it has no such registration now. */
  void(ticket: Ticket, signal?: AbortSignal): Promise<RailwayAnswer>;
};

/** The keys of e-tickets: one signs at a time, all verify. */
export type TicketKeys = {
  signing(): SigningKey;
  isOurs(token: string): TokenFacts | undefined;
};

/** What the railway said of an issue's tickets; those that it registered before are not named again. */
export type Registered = { issue_id: string; tickets: readonly { ticket_id: bigint; railway_ref: string }[] };

/** Runs that arrive later than their tickets say. */
export type LateRuns = {
  /** Tickets of the run count until then at least; an earlier time changes nothing. */
  keep(run_id: string, until_ms: number, actor: Actor): Promise<void>;
  until_ms(run_id: string): Promise<number | undefined>;
};

export type TicketStore = {
  /**
   * The issues of exactly these item versions, made now or before, in order; one transaction makes all that are new. CONFLICT
   * where an item version belongs to another issue.
   */
  begin(issues: readonly NewIssue[], actor: Actor): Promise<readonly Result<Issue>[]>;
  load(issue_id: string): Promise<Issue | undefined>;
  /** Notes, before the railway is asked, that it will be; keeps what may be kept of the people. The ids of those that are ISSUING. */
  markAsked(asked: readonly { issue_id: string; people: readonly Person[] }[]): Promise<ReadonlySet<string>>;
  markRefused(ticket_id: bigint): Promise<void>;
  /**
   * Notes what the railway has registered, and brings ISSUING → ISSUED with every ticket VALID and signed where nothing is
   * missing: all in one transaction. Where an issue replaces tickets, those become VOID in it, too; ABORTING when one of them
   * is not VALID any more. The issues as they are afterwards, in order; undefined for one that could not be written.
   */
  complete(registered: readonly Registered[], sign: (facts: TokenFacts & { ride: Ride }) => string): Promise<readonly (Issue | undefined)[]>;
  /** ISSUING → ABORTING; what the railway may know becomes due to be voided. */
  abort(issue_id: string, reason: string): Promise<Issue>;
  /** ABORTING → FAILED once nothing is due at the railway, or in any case with `force`. */
  finishAbort(issue_id: string, force: boolean): Promise<Issue>;
  /** After a first try that did not finish: the sweeper tries next. */
  retryIn(issue_ids: readonly string[], wait_ms: number): Promise<void>;
  /** Issues that are still ISSUING tickets for these items (all of the order where empty). */
  issuing(order_id: bigint, item_ids: readonly string[]): Promise<string[]>;
  find(ticket_id: bigint): Promise<Ticket | undefined>;
  ofOrder(order_id: bigint): Promise<Ticket[]>;
  /** VALID → VOID by compare-and-set, all or none. TICKET_NOT_VALID for a used one, TICKET_NOT_FOUND for an item without. */
  voidTickets(order_id: bigint, item_ids: readonly string[], reason: string, actor: Actor): Promise<Result<Ticket[]>>;
  /** The railway has forgotten it. */
  markVoided(ticket_id: bigint): Promise<void>;
  /**
   * VALID → USED by compare-and-set, with its audit record. `late`: it was not VALID any more; `reused`: this admission
   * (see `admissionOf`) was of another ticket.
   */
  admit(ticket: Ticket, admission: string, actor: Actor): Promise<'admitted' | 'late' | 'reused'>;
  noteInspection(target: string, result: string, actor: Actor): Promise<void>;
  /** That somebody was given the secret of a run's gates. */
  noteGateKey(run_id: string, actor: Actor): Promise<void>;
  /** The last four characters of the document that it was sold for. */
  lastFour(ticket_id: bigint): Promise<string>;
  /** Tickets of a run that travellers have held and that count no more. Throws when they are too many for one set. */
  revoked(run_id: string): Promise<{ ticket_id: bigint; version: bigint }[]>;
};
