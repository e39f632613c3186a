import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { RpcError } from './error.ts';

/** Passes received and sent bytes through grpc-js untouched: we decode and encode ourselves, where errors can be answered well. */
export function passBytes(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * Reads a request. Malformed bytes are the client's fault: FIELD_INVALID, not INTERNAL. `bytes` fields are views into
 * the received buffer; whoever keeps one copies it (kit/base/bytes.ts copyBytes).
 */
export function decodeRequest<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw RpcError.of({ reason: 'FIELD_INVALID', detail: `the request is no ${schema.typeName}` }, { cause });
  }
}

/** The bytes of a message or of the plain object it is made from, as the Buffer that grpc-js wants. */
export function encodeMessage<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  const bytes = toBinary(schema, create(schema, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads an answer of a service of ours; malformed bytes there are a bug and throw as such. */
export function decodeAnswer<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  return fromBinary(schema, bytes);
}
