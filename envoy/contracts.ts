import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, getOption, hasOption, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { http } from '#gen/google/api/annotations_pb.ts';
import { Access, rule } from '#gen/rail/options/v1/options_pb.ts';

/** Descriptors of every contract, made by `npm run generate`; the JSON transcoder reads the same file. */
export const DESCRIPTORS_PATH = new URL('../gen/descriptors.binpb', import.meta.url).pathname;

/** One method that somebody outside may call. */
export type EdgeMethod = {
  /** `/rail.query.v1.QueryService/SearchTrains` */
  path: string;
  service: string;
  upstream: string;
  timeout_ms: number;
  endless: boolean;
  /** Passes when the limiter is away. */
  read: boolean;
  /** May be asked for by GET. */
  cacheable: boolean;
  has_json: boolean;
};

/** Which process serves a contract, where the names differ. */
const UPSTREAM_OF_SERVICE: Record<string, string> = {
  'rail.seat.v1.SeatService': 'inventory',
  'rail.config.v1.ConfigService': 'risk',
};

const DEFAULT_TIMEOUT_MS = 3000;

/**
 * Every method with an access other than ACCESS_SERVICE, in a stable order. What only services may call is not routed
 * at the edge at all.
 */
export function edgeMethods(): EdgeMethod[] {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS_PATH));
  const registry = createFileRegistry(set);
  const methods: EdgeMethod[] = [];
  for (const type of registry) {
    if (type.kind !== 'service' || !type.typeName.startsWith('rail.')) continue;
    for (const method of type.methods) if (isForOutside(method)) methods.push(edgeMethod(type, method));
  }
  return methods.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function isForOutside(method: DescMethod): boolean {
  return hasOption(method, rule) && getOption(method, rule).access.some((access) => access !== Access.SERVICE);
}

function edgeMethod(service: DescService, method: DescMethod): EdgeMethod {
  const options = getOption(method, rule);
  return {
    path: `/${service.typeName}/${method.name}`,
    service: service.typeName,
    upstream: UPSTREAM_OF_SERVICE[service.typeName] ?? service.typeName.split('.')[1]!,
    timeout_ms: options.timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : options.timeoutMs,
    endless: options.endless,
    read: method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS || options.endless,
    cacheable: method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS && method.methodKind === 'unary',
    has_json: hasOption(method, http),
  };
}
