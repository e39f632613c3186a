import { sign } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { GetRevocationsResponseSchema, TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fieldInvalid } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { inspectTicket } from '../app/inspect_ticket.ts';
import { issueTickets, type IssueDeps } from '../app/issue_tickets.ts';
import type { Actor, LateRuns } from '../app/ports.ts';
import { voidTickets } from '../app/void_tickets.ts';
import { notAfter_ms, wasIssued, type Ticket } from '../domain/ticket.ts';
import { isId, issueMessage, newIssueOf, resultMessage, ticketMessage } from './messages.ts';

export type TicketingRpcDeps = IssueDeps & {
  late: LateRuns;
  /** The secret of a run's gates. */
  gateKey(run_id: string): Uint8Array;
  /** How long a gate may judge by a set of revocations. */
  revocations_fresh_ms: number;
  publishedKeys(): { kid: string; public_key: Uint8Array; not_before_ms: number; not_after_ms: number | undefined }[];
  /** Looks at once for registrations that the railway must forget. */
  nudgeVoids(): void;
};

export function ticketingService(deps: TicketingRpcDeps): Implementation {
  const { store, keys, clock } = deps;
  const inspections = metricsFor('ticketing').counter('ticketing_inspections_total', 'Inspections by what came of them', ['result']);
  return implement(TicketingService, {
    async issueTickets(request, call) {
      const [issued] = await issueTickets(deps, [unwrap(newIssueOf(request))], actorOf(call), call.signal);
      const issue = unwrap(issued!);
      if (issue.state === 'ABORTING' || issue.replaces) deps.nudgeVoids();
      return issueMessage(issue);
    },
    async batchIssueTickets({ requests }, call) {
      if (requests.length > MAX_ORDERS) unwrap(fieldInvalid('requests', `at most ${MAX_ORDERS}`));
      const wanted = requests.map(newIssueOf);
      const issued = await issueTickets(deps, wanted.flatMap((one) => (one.ok ? [one.value] : [])), actorOf(call), call.signal);
      if (issued.some((one) => one.ok && one.value.state === 'ABORTING')) deps.nudgeVoids();
      let next = 0;
      return { results: wanted.map((one) => resultMessage(one.ok ? issued[next++]! : one)) };
    },
    async voidTickets({ orderId, itemIds, reason }, call) {
      const tickets = unwrap(await voidTickets(deps, { order_id: idOf(orderId, 'ORDER_NOT_FOUND'), item_ids: itemIds, reason }, actorOf(call)));
      deps.nudgeVoids();
      return { tickets: tickets.map((ticket) => ticketMessage(ticket, false)) };
    },
    async getTicket({ ticketId }, call) {
      const ticket = await store.find(idOf(ticketId, 'TICKET_NOT_FOUND'));
      if (ticket === undefined || !wasIssued(ticket) || !maySee(call, ticket)) throw RpcError.of({ reason: 'TICKET_NOT_FOUND' });
      return { ticket: ticketMessage(ticket, mayCarry(call, ticket)) };
    },
    async listTickets({ orderId }, call) {
      const tickets = await store.ofOrder(idOf(orderId, 'ORDER_NOT_FOUND'));
      if (!tickets.every((ticket) => maySee(call, ticket))) throw RpcError.of({ reason: 'ORDER_NOT_FOUND' });
      return { tickets: tickets.filter(wasIssued).map((ticket) => ticketMessage(ticket, mayCarry(call, ticket))) };
    },
    async inspectTicket({ qrToken, idLastFour, admit, requestId }, call) {
      if (!/^[0-9A-Za-z]{0,4}$/.test(idLastFour)) throw RpcError.of({ reason: 'FIELD_INVALID', metadata: { field: 'id_last_four' } });
      const { reason, ticket } = unwrap(await inspectTicket(deps, { qr_token: qrToken, id_last_four: idLastFour, admit, request_id: requestId }, actorOf(call)));
      inspections.inc({ result: reason ?? 'ok' });
      return { valid: reason === undefined, reason: reason ?? '', ticket: ticket === undefined ? undefined : ticketMessage(ticket, false) };
    },
    getVerificationKeys: () => ({
      keys: deps.publishedKeys().map(({ kid, public_key, not_before_ms, not_after_ms }) => ({
        keyId: kid,
        publicKey: public_key,
        notBefore: timestampFromMs(not_before_ms),
        notAfter: not_after_ms === undefined ? undefined : timestampFromMs(not_after_ms),
      })),
    }),
    async getRevocations({ runId }) {
      checkRunId(runId);
      const as_of_ms = clock.now_ms();
      const revoked = (await store.revoked(runId)).map(({ ticket_id, version }) => ({ ticketId: String(ticket_id), version }));
      const { kid, private_key } = keys.signing();
      const until_ms = await deps.late.until_ms(runId);
      const set = create(GetRevocationsResponseSchema, {
        runId, asOf: timestampFromMs(as_of_ms), revoked, keyId: kid, freshUntil: timestampFromMs(as_of_ms + deps.revocations_fresh_ms), ticketsUntil: until_ms === undefined ? undefined : timestampFromMs(until_ms),
      });
      return { ...set, signature: sign(null, toBinary(GetRevocationsResponseSchema, set), private_key) };
    },
    async keepTickets({ runId, arrivalTime }, call) {
      checkRunId(runId);
      if (arrivalTime === undefined) throw RpcError.of({ reason: 'FIELD_INVALID', metadata: { field: 'arrival_time' } });
      await deps.late.keep(runId, notAfter_ms({ arrival_ms: timestampMs(arrivalTime) }), actorOf(call));
      return {};
    },
    async getGateKey({ runId }, call) {
      checkRunId(runId);
      await store.noteGateKey(runId, actorOf(call));
      return { runId, key: deps.gateKey(runId) };
    },
  });
}

/** As the contract says. */
const MAX_ORDERS = 64;

/** Travellers see their own; operators and services see all. */
function maySee({ caller }: Call, ticket: Ticket): boolean {
  if (caller.kind === 'service') return true;
  return caller.kind === 'account' && (caller.roles.includes('operator') || caller.account_id === String(ticket.account_id));
}

/** The code is the ticket: an operator who looks at an order gets none that would pass a gate. */
function mayCarry({ caller }: Call, ticket: Ticket): boolean {
  return caller.kind === 'service' || (caller.kind === 'account' && caller.account_id === String(ticket.account_id));
}

function checkRunId(run_id: string): void {
  if (!/^[\w.-]{1,48}$/.test(run_id)) throw RpcError.of({ reason: 'TRAIN_RUN_NOT_FOUND' });
}

function idOf(text: string, reason: ErrorReason): bigint {
  if (!isId(text)) throw RpcError.of({ reason });
  return BigInt(text);
}

function actorOf(call: Call): Actor {
  const service = call.caller.kind === 'service' ? call.caller.service : 'ticketing';
  return { account_id: call.account?.account_id ?? '', service, device_id: call.device_id, ip: call.peer_ip };
}
