import { createHash } from 'node:crypto';
import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import type { Call } from '#kit/rpc/call.ts';
import type { Actor } from '../app/ports.ts';

/** Who writes, and a digest of what was asked without its request id, so that a repeat is known and a reuse refused. */
export function actorOf<D extends DescMessage>(schema: D, request: MessageShape<D> & { requestId: string }, call: Call): Actor {
  const body_hash = createHash('sha256').update(toBinary(schema, { ...request, requestId: '' })).digest();
  return {
    account_id: call.account?.account_id ?? '',
    device_id: call.device_id,
    ip: call.peer_ip,
    request_id: request.requestId,
    method: call.method,
    body_hash,
  };
}
