import { create, createFileRegistry, setExtension } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import type { BytesValueSchema, MethodDescriptorProto, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { file_google_protobuf_wrappers, FileDescriptorProtoSchema, MethodDescriptorProtoSchema, MethodOptions_IdempotencyLevel, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { Access, MethodRuleSchema, rule } from '#gen/rail/options/v1/options_pb.ts';
import type { RuleInit } from '../access.ts';

type Text = typeof StringValueSchema;
type Bytes = typeof BytesValueSchema;

/** A contract for tests and measurements of kit/rpc itself, made at run time: one method for each kind and each access. */
export const Echo = echoContract() as GenService<{
  say: { methodKind: 'unary'; input: Text; output: Text };
  blob: { methodKind: 'unary'; input: Bytes; output: Bytes };
  write: { methodKind: 'unary'; input: Text; output: Text };
  mine: { methodKind: 'unary'; input: Text; output: Text };
  operate: { methodKind: 'unary'; input: Text; output: Text };
  inspect: { methodKind: 'unary'; input: Text; output: Text };
  internal: { methodKind: 'unary'; input: Text; output: Text };
  count: { methodKind: 'server_streaming'; input: Text; output: Text };
  watch: { methodKind: 'server_streaming'; input: Text; output: Text };
  join: { methodKind: 'client_streaming'; input: Text; output: Text };
  talk: { methodKind: 'bidi_streaming'; input: Text; output: Text };
}>;

function echoContract(): unknown {
  const everybody: RuleInit = { access: [Access.PUBLIC], timeoutMs: 2000 };
  const file = create(FileDescriptorProtoSchema, {
    name: 'rail/testing/echo.proto',
    package: 'rail.testing',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      {
        name: 'EchoService',
        method: [
          method('Say', everybody, { read: true }),
          method('Blob', everybody, { type: 'BytesValue' }),
          method('Write', everybody),
          method('Mine', { access: [Access.ACCOUNT] }),
          method('Operate', { access: [Access.OPERATOR] }),
          method('Inspect', { access: [Access.INSPECTOR] }),
          method('Internal', { access: [Access.SERVICE], callers: ['order'] }),
          method('Count', everybody, { answers: true }),
          method('Watch', { access: [Access.PUBLIC], endless: true }, { answers: true }),
          method('Join', everybody, { requests: true }),
          method('Talk', everybody, { requests: true, answers: true }),
        ],
      },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_wrappers).getService('rail.testing.EchoService');
}

function method(name: string, stated: RuleInit, kind: { requests?: boolean; answers?: boolean; read?: boolean; type?: string } = {}): MethodDescriptorProto {
  const { requests = false, answers = false, read = false, type = 'StringValue' } = kind;
  const options = create(MethodOptionsSchema, read ? { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS } : {});
  setExtension(options, rule, create(MethodRuleSchema, stated));
  const full_type = `.google.protobuf.${type}`;
  return create(MethodDescriptorProtoSchema, { name, inputType: full_type, outputType: full_type, clientStreaming: requests, serverStreaming: answers, options });
}
