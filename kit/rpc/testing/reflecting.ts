import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescService } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { reflectionContract } from '../reflection_contract.ts';

export type Asked = { case: 'listServices' | 'fileContainingSymbol' | 'fileByFilename'; value: string } | { case: undefined };
export type Told = { case: string; names?: string[]; files?: Uint8Array[]; error_code?: number };

/** Asks a server about itself as grpcurl does: all questions over one stream. */
export class ServerReflectionClient {
  readonly #client: Client;
  readonly #contract: DescService;

  constructor(address: string, version: 'grpc.reflection.v1' | 'grpc.reflection.v1alpha') {
    this.#client = new Client(address, credentials.createInsecure());
    this.#contract = reflectionContract(version);
  }

  close(): void {
    this.#client.close();
  }

  async ask(questions: readonly Asked[]): Promise<Told[]> {
    const { input, output } = this.#contract.methods[0]!;
    const pass = (bytes: Buffer): Buffer => bytes;
    const stream = this.#client.makeBidiStreamRequest(`/${this.#contract.typeName}/ServerReflectionInfo`, pass, pass);
    for (const messageRequest of questions) stream.write(Buffer.from(toBinary(input, create(input, { messageRequest }))));
    stream.end();
    const told: Told[] = [];
    for await (const bytes of stream) told.push(toldBy(fromBinary(output, bytes as Buffer) as unknown as Answer));
    return told;
  }
}

type Answer = { messageResponse: { case: string; value: { service?: Array<{ name: string }>; fileDescriptorProto?: Uint8Array[]; errorCode?: number } } };

function toldBy({ messageResponse: { case: kind, value } }: Answer): Told {
  if (value.service !== undefined) return { case: kind, names: value.service.map(({ name }) => name) };
  if (value.fileDescriptorProto !== undefined) return { case: kind, files: value.fileDescriptorProto };
  return { case: kind, error_code: value.errorCode };
}
