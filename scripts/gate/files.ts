/** What a gate keeps on its disk: the JSON answers of the ticketing service, as they came. Nothing is believed unproven. */
import { readFileSync } from 'node:fs';
import { create, fromJsonString, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { GetGateKeyResponseSchema, GetRevocationsResponseSchema, GetVerificationKeysResponseSchema } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { areRevocationsSigned, type OfflineKey, type Revocations } from '../../services/ticketing/domain/verify_offline.ts';
import { Told } from '../say.ts';

/** GetVerificationKeys. */
export function readKeys(path: string): OfflineKey[] {
  const { keys } = read(path, GetVerificationKeysResponseSchema);
  if (keys.length === 0) throw new Told(`${path} holds no keys`, `${path} 中没有密钥`);
  return keys.map(({ keyId, publicKey, notBefore, notAfter }) => ({ key_id: keyId, public_key: publicKey, not_before_ms: msOf(notBefore, 0), not_after_ms: notAfter && timestampMs(notAfter) }));
}

/** GetRevocations; throws unless one of the keys has signed it. */
export function readRevocations(path: string, keys: readonly OfflineKey[]): Revocations {
  const { $typeName: _, $unknown: __, signature, ...set } = read(path, GetRevocationsResponseSchema, { signed: true });
  const signer = keys.find(({ key_id }) => key_id === set.keyId);
  const bytes = toBinary(GetRevocationsResponseSchema, create(GetRevocationsResponseSchema, set));
  if (signer === undefined || !areRevocationsSigned(bytes, signature, signer)) throw new Told(`the revocations in ${path} are not signed by any of the keys`, `${path} 中的撤销名单没有有效签名`);
  return { run_id: set.runId, as_of_ms: msOf(set.asOf, 0), fresh_until_ms: msOf(set.freshUntil, 0), tickets_until_ms: set.ticketsUntil && timestampMs(set.ticketsUntil), revoked: set.revoked.map(({ ticketId, version }) => ({ ticket_id: ticketId, version })) };
}

/** GetGateKey. */
export function readGateKey(path: string): { run_id: string; key: Uint8Array } {
  const { runId, key } = read(path, GetGateKeyResponseSchema);
  if (key.length !== 32) throw new Told(`${path} holds no key of a gate`, `${path} 中没有检票口密钥`);
  return { run_id: runId, key };
}

function read<S extends DescMessage>(path: string, schema: S, { signed = false } = {}): MessageShape<S> {
  try {
    // A newer service may say more than this program knows. Of what is signed every field counts, so there it has to say so.
    return fromJsonString(schema, readFileSync(path, 'utf8'), { ignoreUnknownFields: !signed });
  } catch (error) {
    throw new Told(`${path} can not be read: ${(error as Error).message}`, `无法读取 ${path}：${(error as Error).message}`);
  }
}

function msOf(time: Timestamp | undefined, otherwise: number): number {
  return time === undefined ? otherwise : timestampMs(time);
}
