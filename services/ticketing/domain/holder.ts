/**
 * Whose ticket it is, for a gate without a line. The token carries a tag of the whole document number under a secret of the
 * run that only its gates have: with it the document shown is compared, without it the tag tells nothing, and the secret
 * of one run tells nothing of another.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { HOLDER_TAG_BYTES } from './token_payload.ts';

export const GATE_KEY_BYTES = 32;

/** The secret of a run's gates, derived (RFC 5869), so that there is nothing to store and every process knows the same. */
export function gateKeyOf(master: Uint8Array, run_id: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', master, '', `chunyun ticket gate v1 ${run_id}`, GATE_KEY_BYTES));
}

/** Eight bytes: that a stranger's document fits by chance is one in 10^19. The ticket is part of it, so two tickets of a person can't be linked. */
export function holderTag(gate_key: Uint8Array, ticket_id: bigint, id_number: string): Uint8Array {
  const digest = createHmac('sha256', gate_key).update(`${ticket_id}:${plain(id_number)}`).digest();
  return Uint8Array.from(digest.subarray(0, HOLDER_TAG_BYTES));
}

export function isHolder(gate_key: Uint8Array, ticket_id: bigint, id_number: string, tag: Uint8Array): boolean {
  return tag.length === HOLDER_TAG_BYTES && timingSafeEqual(holderTag(gate_key, ticket_id, id_number), tag);
}

/** As readers and people write it differently: width, case, spaces. */
function plain(id_number: string): string {
  return id_number.normalize('NFKC').toUpperCase().replace(/[\s·•-]/g, '');
}
