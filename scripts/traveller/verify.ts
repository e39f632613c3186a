/** Proves a ticket as a gate without a line would: by its signature, and by the run's signed revocations. */
import { clone, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { GetRevocationsResponseSchema, type Ticket } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { areRevocationsSigned, verifyOffline, type OfflineKey } from '../../services/ticketing/domain/verify_offline.ts';
import type { Api } from './api.ts';
import { patiently } from './patience.ts';

/** Throws when the ticket does not verify, is for another run or was revoked. */
export async function verifyTicket(api: Api, ticket: Ticket): Promise<void> {
  const run_id = ticket.journey!.runId;
  // One after the other, each with its own patience: a pair that is repeated together asks faster than an account may.
  const { keys } = await patiently(() => api.ticketing.getVerificationKeys({}));
  const answer = await patiently(() => api.ticketing.getRevocations({ runId: run_id }));
  const offline: OfflineKey[] = keys.map((key) => ({
    key_id: key.keyId,
    public_key: key.publicKey,
    not_before_ms: key.notBefore === undefined ? 0 : timestampMs(key.notBefore),
    not_after_ms: key.notAfter === undefined ? undefined : timestampMs(key.notAfter),
  }));
  const unsigned = clone(GetRevocationsResponseSchema, answer);
  unsigned.signature = new Uint8Array();
  const signer = offline.find(({ key_id }) => key_id === answer.keyId);
  if (signer === undefined || !areRevocationsSigned(toBinary(GetRevocationsResponseSchema, unsigned), answer.signature, signer)) throw new Error('the revocations of the run are not signed by us');
  const [as_of_ms, fresh_until_ms] = [answer.asOf, answer.freshUntil].map((time) => (time === undefined ? 0 : timestampMs(time))) as [number, number];
  const tickets_until_ms = answer.ticketsUntil === undefined ? undefined : timestampMs(answer.ticketsUntil);
  const revocations = { run_id, as_of_ms, fresh_until_ms, tickets_until_ms, revoked: answer.revoked.map((one) => ({ ticket_id: one.ticketId, version: one.version })) };
  const verdict = verifyOffline(ticket.qrToken, offline, Date.now(), { revocations, run_id });
  if (!verdict.valid) throw new Error(`the ticket does not verify: ${verdict.reason}`);
  if (verdict.currency !== 'CURRENT') throw new Error('the revocations of the run are too old to judge by');
  if (String(verdict.facts.ticket_id) !== ticket.ticketId) throw new Error('the QR code is of another ticket');
}
