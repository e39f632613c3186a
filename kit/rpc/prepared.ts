import { Metadata } from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import type { Call } from './call.ts';

/** An answer whose bytes are made already: one making serves many calls. Headers go before it where there are any. */
export class Prepared {
  readonly bytes: Buffer;
  readonly headers: Metadata | undefined;

  constructor(bytes: Buffer, headers?: Metadata) {
    this.bytes = bytes;
    this.headers = headers;
  }
}

export type Asked = {
  method: DescMethod;
  /** The request as it came. A view of the receive buffer: copy before keeping. */
  bytes: Buffer;
  /** Its caller is known and allowed. */
  call: Call;
  /** Reads the request and asks the handler. */
  answer: () => unknown;
};

/** Stands before the handlers of unary methods: gives what `answer` gives, or an answer that was made before. */
export type Around = (asked: Asked) => unknown;

/** Headers of an answer, for all calls that it is given to. */
export function headersOf(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}
