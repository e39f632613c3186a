import { toBinary } from '@bufbuild/protobuf';
import type { DescExtension, DescFile, DescMessage, DescService, Message } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Access } from './access.ts';
import { codeNumber } from './codes.ts';
import type { Implementation } from './implement.ts';
import { reflectionContract } from './reflection_contract.ts';

/**
 * Server reflection, stable and first version, for tools such as grpcurl. It answers from the descriptors of the
 * generated code, so files, imports and custom options are exactly those of the contracts.
 */
export function reflectionOf(services: readonly DescService[]): Implementation[] {
  const index = new DescriptorIndex(services);
  return (['grpc.reflection.v1', 'grpc.reflection.v1alpha'] as const).map((package_name) => {
    const service = reflectionContract(package_name);
    const serverReflectionInfo = async function* (requests: AsyncIterable<Message>): AsyncIterable<Record<string, unknown>> {
      for await (const request of requests) {
        const question = request as unknown as Question;
        yield { validHost: question.host, originalRequest: question, messageResponse: index.answer(question.messageRequest) };
      }
    };
    return { service, handlers: { serverReflectionInfo }, foreign_rule: { access: [Access.PUBLIC] } };
  });
}

/** The request as protobuf-es reads it; its contract is made at run time, so its type stands here. */
type Question = {
  host: string;
  messageRequest:
    | { case: 'fileByFilename' | 'fileContainingSymbol' | 'allExtensionNumbersOfType' | 'listServices'; value: string }
    | { case: 'fileContainingExtension'; value: { containingType: string; extensionNumber: number } }
    | { case: undefined };
};

type Reply = { case: string; value: Record<string, unknown> };

class DescriptorIndex {
  readonly #services: readonly string[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: readonly DescService[]) {
    this.#services = services.map(({ typeName }) => typeName).toSorted();
    for (const { file } of services) this.#addFile(file);
  }

  answer(question: Question['messageRequest']): Reply {
    switch (question.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.#services.map((name) => ({ name })) } };
      case 'fileByFilename':
        return fileReply(this.#files.get(withProto(question.value)));
      case 'fileContainingSymbol':
        return fileReply(this.#symbols.get(question.value));
      case 'fileContainingExtension':
        return fileReply(this.#extensions.get(question.value.containingType)?.get(question.value.extensionNumber));
      case 'allExtensionNumbersOfType':
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: question.value, extensionNumber: [...(this.#extensions.get(question.value)?.keys() ?? [])] } };
      case undefined:
        return errorReply('INVALID_ARGUMENT', 'the request asks nothing');
    }
  }

  #addFile(file: DescFile): void {
    if (this.#files.has(withProto(file.name))) return;
    this.#files.set(withProto(file.name), file);
    for (const service of file.services) {
      this.#symbols.set(service.typeName, file);
      for (const method of service.methods) this.#symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const described of [...file.enums, ...file.messages]) this.#symbols.set(described.typeName, file);
    for (const message of file.messages) this.#addNested(message, file);
    for (const extension of file.extensions) this.#addExtension(extension, file);
    for (const dependency of file.dependencies) this.#addFile(dependency);
  }

  #addNested(message: DescMessage, file: DescFile): void {
    for (const described of [...message.nestedEnums, ...message.nestedMessages]) this.#symbols.set(described.typeName, file);
    for (const extension of message.nestedExtensions) this.#addExtension(extension, file);
    for (const nested of message.nestedMessages) this.#addNested(nested, file);
  }

  #addExtension(extension: DescExtension, file: DescFile): void {
    this.#symbols.set(extension.typeName, file);
    const known = this.#extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
    this.#extensions.set(extension.extendee.typeName, known.set(extension.number, file));
  }
}

/** The file and everything it imports, so that one question is enough. */
function fileReply(file: DescFile | undefined): Reply {
  if (file === undefined) return errorReply('NOT_FOUND', 'not known here');
  const files = new Set<DescFile>();
  const visit = (visited: DescFile): void => {
    if (files.has(visited)) return;
    files.add(visited);
    visited.dependencies.forEach(visit);
  };
  visit(file);
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto: [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)) } };
}

function errorReply(code: 'NOT_FOUND' | 'INVALID_ARGUMENT', message: string): Reply {
  return { case: 'errorResponse', value: { errorCode: codeNumber(code), errorMessage: message } };
}

/** Descriptors of protobuf-es leave the ending off. */
function withProto(name: string): string {
  return name.endsWith('.proto') ? name : `${name}.proto`;
}
