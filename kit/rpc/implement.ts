import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { RuleInit } from './access.ts';
import type { Call } from './call.ts';
import type { Around, Prepared } from './prepared.ts';

/** What a handler may answer: a message, the plain object it is made from, or its bytes. */
type Answer<O extends DescMessage> = MessageInitShape<O> | Prepared;

type MethodOf<I extends DescMessage, O extends DescMessage, K extends DescMethod['methodKind']> = { methodKind: K; input: I; output: O };

/** The function that a method asks for, by its kind. Every streaming handler ends when `call.signal` is aborted. */
export type Handler<M> =
  M extends MethodOf<infer I, infer O, 'unary'> ? (request: MessageShape<I>, call: Call) => Promise<Answer<O>> | Answer<O>
  : M extends MethodOf<infer I, infer O, 'server_streaming'> ? (request: MessageShape<I>, call: Call) => AsyncIterable<Answer<O>>
  : M extends MethodOf<infer I, infer O, 'client_streaming'> ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => Promise<Answer<O>>
  : M extends MethodOf<infer I, infer O, 'bidi_streaming'> ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => AsyncIterable<Answer<O>>
  : never;

/** All handlers of a service. A missing one does not compile: it would answer UNIMPLEMENTED silently. */
export type Handlers<S extends DescService> = { [K in keyof S['method']]: Handler<S['method'][K]> };

/** Handlers once their types have done their work: the server calls them by the kind of the method. */
export type AnyHandler = (request: never, call: Call) => unknown;

export type Implementation = {
  service: DescService;
  handlers: Readonly<Record<string, AnyHandler>>;
  foreign_rule?: RuleInit;
  /** Not counted against the concurrency limit: an overloaded server must still answer health checks. */
  unlimited?: boolean;
  /** Stands before the unary handlers: for answers that are kept. */
  around?: Around;
};

/**
 * Joins a contract with its handlers. `foreign_rule` is for contracts of others (Envoy's, gRPC's own), whose methods
 * cannot state a rule of ours; it applies to all their methods.
 */
export function implement<S extends DescService>(service: S, handlers: Handlers<S>, options: Pick<Implementation, 'foreign_rule' | 'unlimited' | 'around'> = {}): Implementation {
  const known = handlers as unknown as Record<string, AnyHandler>;
  for (const method of service.methods) {
    if (typeof known[method.localName] !== 'function') throw new Error(`${service.typeName}.${method.name} has no handler`);
  }
  // A handler object may be a class instance: keep `this` what its author expects.
  const bound = Object.fromEntries(service.methods.map(({ localName }) => [localName, known[localName]!.bind(handlers) as AnyHandler]));
  return { service, handlers: bound, ...options };
}
