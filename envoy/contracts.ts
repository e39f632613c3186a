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
  /** Answers nobody in particular. */
  public: boolean;
  has_json: boolean;
};

/** One method of ours, and who may call it. */
export type ContractMethod = Pick<EdgeMethod, 'path' | 'service' | 'upstream' | 'timeout_ms' | 'endless'> & {
  /** Unary and without side effects: may be asked again. */
  repeatable: boolean;
  /** Somebody outside may call it, over the edge. */
  for_outside: boolean;
  /** Services that may call it. */
  callers: readonly string[];
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
  return ownMethods().filter(([, method]) => isForOutside(method)).map(([service, method]) => edgeMethod(service, method)).toSorted(byPath);
}

/** Every method of our contracts, in a stable order: what the mesh's policy is made from. */
export function contractMethods(): ContractMethod[] {
  return ownMethods().map(([service, method]) => contractMethod(service, method)).toSorted(byPath);
}

function ownMethods(): [DescService, DescMethod][] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS_PATH)));
  const services = [...registry].filter((type) => type.kind === 'service' && type.typeName.startsWith('rail.')) as DescService[];
  return services.flatMap((service) => service.methods.map((method): [DescService, DescMethod] => [service, method]));
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1;
}

function isForOutside(method: DescMethod): boolean {
  return hasOption(method, rule) && getOption(method, rule).access.some((access) => access !== Access.SERVICE);
}

function contractMethod(service: DescService, method: DescMethod): ContractMethod {
  const { path, service: name, upstream, timeout_ms, endless, cacheable } = edgeMethod(service, method);
  return { path, service: name, upstream, timeout_ms, endless, repeatable: cacheable, for_outside: isForOutside(method), callers: getOption(method, rule).callers };
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
    public: options.access.includes(Access.PUBLIC),
    has_json: hasOption(method, http),
  };
}
