import type { ErrorReason } from '#kit/base/errors.ts';
import type { Ticket } from './ticket.ts';
import type { TokenFacts } from './token.ts';

/** A scanned ticket beside the one we know, with the time until which its run's tickets count if it is late; `last_four` of the document shown and of the one it was sold for. */
export type Scan = { facts: TokenFacts; ticket: Ticket | undefined; run_until_ms?: number | undefined; shown: string; last_four: string; admit: boolean; /** See `admissionOf`. */ admission: string; now_ms: number };

/**
 * Why a ticket with a good signature does not count; undefined when it does. A used one is still shown to the crew on
 * board, but admits nobody a second time: only who admitted it and lost the answer is told so again.
 */
export function judgeScan({ facts, ticket, run_until_ms = 0, shown, last_four, admit, admission, now_ms }: Scan): ErrorReason | undefined {
  if (ticket === undefined || ticket.state === 'ISSUING') return 'TICKET_NOT_FOUND';
  if (ticket.version !== facts.version || ticket.state === 'VOID') return 'TICKET_NOT_VALID';
  if (shown !== '' && shown.toUpperCase() !== last_four.toUpperCase()) return 'REAL_NAME_REJECTED';
  if (admit && isAdmittedBy(ticket, admission)) return undefined;
  if (now_ms > Math.max(ticket.not_after_ms, run_until_ms)) return 'TICKET_NOT_VALID';
  return admit && ticket.state === 'USED' ? 'TICKET_NOT_VALID' : undefined;
}

/** True when this very wish has used the ticket up before. */
export function isAdmittedBy(ticket: Ticket, admission: string): boolean {
  return ticket.state === 'USED' && admission !== '' && ticket.admission === admission;
}
