import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { create, getOption, hasOption } from '@bufbuild/protobuf';
import { ServerReflectionClient } from './testing/reflecting.ts';
import test from 'ava';
import { Access, rule } from '#gen/rail/options/v1/options_pb.ts';
import { startEcho } from './testing/serving.ts';

for (const version of ['grpc.reflection.v1', 'grpc.reflection.v1alpha'] as const) {
  test(`${version}: services are listed and described so well that a client can be made from it`, async (t) => {
    const server = await startEcho(t);
    const client = new ServerReflectionClient(server.address, version);
    t.teardown(() => client.close());
    const [listed, described] = await client.ask([{ case: 'listServices', value: '*' }, { case: 'fileContainingSymbol', value: 'rail.testing.EchoService' }]);
    t.deepEqual(listed, { case: 'listServicesResponse', names: ['rail.testing.EchoService'] });
    const file = (described?.files ?? []).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
    const say = registry.getService('rail.testing.EchoService')?.method.say;
    t.is(say?.input.typeName, 'google.protobuf.StringValue');
    // Custom options come through unchanged, which descriptors decoded by other libraries lose.
    t.true(say !== undefined && hasOption(say, rule));
    t.deepEqual(say === undefined ? [] : getOption(say, rule).access, [Access.PUBLIC]);
  });
}

test('files by name, and what is not known', async (t) => {
  const server = await startEcho(t);
  const client = new ServerReflectionClient(server.address, 'grpc.reflection.v1');
  t.teardown(() => client.close());
  const [by_name, method, unknown, nothing] = await client.ask([
    { case: 'fileByFilename', value: 'google/protobuf/wrappers.proto' },
    { case: 'fileContainingSymbol', value: 'rail.testing.EchoService.Say' },
    { case: 'fileContainingSymbol', value: 'no.such.Thing' },
    { case: undefined },
  ]);
  t.is(by_name?.files?.length, 1);
  t.true((method?.files?.length ?? 0) >= 1);
  t.is(unknown?.error_code, 5);
  t.is(nothing?.error_code, 3);
});
