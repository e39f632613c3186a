import { createFileRegistry, fromJson } from '@bufbuild/protobuf';
import type { DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/**
 * The contract of server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), in the package
 * of its first or its stable version. Both are the same but for the package, so one description makes both.
 */
export function reflectionContract(package_name: 'grpc.reflection.v1' | 'grpc.reflection.v1alpha'): DescService {
  const type = (name: string): string => `.${package_name}.${name}`;
  const method = { name: 'ServerReflectionInfo', inputType: type('ServerReflectionRequest'), outputType: type('ServerReflectionResponse'), clientStreaming: true, serverStreaming: true };
  const file = fromJson(FileDescriptorProtoSchema, {
    name: `${package_name.replaceAll('.', '/')}/reflection.proto`,
    package: package_name,
    syntax: 'proto3',
    messageType: messages(type),
    service: [{ name: 'ServerReflection', method: [method] }],
  });
  return createFileRegistry(file, () => undefined).getService(`${package_name}.ServerReflection`)!;
}

function messages(type: (name: string) => string): Array<{ name: string; field: Field[]; oneofDecl?: Array<{ name: string }> }> {
  return [
    {
      name: 'ServerReflectionRequest',
      oneofDecl: [{ name: 'message_request' }],
      field: [
        text('host', 1),
        choice(text('file_by_filename', 3)),
        choice(text('file_containing_symbol', 4)),
        choice(message('file_containing_extension', 5, type('ExtensionRequest'))),
        choice(text('all_extension_numbers_of_type', 6)),
        choice(text('list_services', 7)),
      ],
    },
    { name: 'ExtensionRequest', field: [text('containing_type', 1), integer('extension_number', 2)] },
    {
      name: 'ServerReflectionResponse',
      oneofDecl: [{ name: 'message_response' }],
      field: [
        text('valid_host', 1),
        message('original_request', 2, type('ServerReflectionRequest')),
        choice(message('file_descriptor_response', 4, type('FileDescriptorResponse'))),
        choice(message('all_extension_numbers_response', 5, type('ExtensionNumberResponse'))),
        choice(message('list_services_response', 6, type('ListServiceResponse'))),
        choice(message('error_response', 7, type('ErrorResponse'))),
      ],
    },
    { name: 'FileDescriptorResponse', field: [{ ...text('file_descriptor_proto', 1), type: 'TYPE_BYTES', label: 'LABEL_REPEATED' }] },
    { name: 'ExtensionNumberResponse', field: [text('base_type_name', 1), { ...integer('extension_number', 2), label: 'LABEL_REPEATED' }] },
    { name: 'ListServiceResponse', field: [{ ...message('service', 1, type('ServiceResponse')), label: 'LABEL_REPEATED' }] },
    { name: 'ServiceResponse', field: [text('name', 1)] },
    { name: 'ErrorResponse', field: [integer('error_code', 1), text('error_message', 2)] },
  ];
}

type Field = { name: string; number: number; type: string; label: string; typeName?: string; oneofIndex?: number };

function text(name: string, number: number): Field {
  return { name, number, type: 'TYPE_STRING', label: 'LABEL_OPTIONAL' };
}

function integer(name: string, number: number): Field {
  return { name, number, type: 'TYPE_INT32', label: 'LABEL_OPTIONAL' };
}

function message(name: string, number: number, typeName: string): Field {
  return { name, number, type: 'TYPE_MESSAGE', label: 'LABEL_OPTIONAL', typeName };
}

function choice(field: Field): Field {
  return { ...field, oneofIndex: 0 };
}
