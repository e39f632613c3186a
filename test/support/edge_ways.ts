/** Every way into the product through the edge, for tests that ask the same of each: one call, one kind of outcome. */
import { create, createRegistry, fromJson, getOption, toJson, type DescMessage, type DescMethodServerStreaming, type DescMethodUnary, type JsonObject, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { anyUnpack, AnySchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { http } from '#gen/google/api/annotations_pb.ts';
import { BadRequestSchema, ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';

export type Refusal = {
  /** `INVALID_ARGUMENT` */
  code: string;
  reason: string | undefined;
  retry_after_ms: number | undefined;
  /** Sentences by language. */
  sentences: Record<string, string>;
  /** Of JSON only. */
  http_status?: number;
  /** Names of all headers and trailers that could be seen. */
  header_names: string[];
};

export type Outcome<T> = { answer: T } | { refusal: Refusal };

type Headers_ = Record<string, string>;

export type Way = {
  name: string;
  unary<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>, headers?: Headers_): Promise<Outcome<MessageShape<O>>>;
  /** The first answers of a stream; JSON has none. */
  first?<I extends DescMessage, O extends DescMessage>(method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>, count: number, headers?: Headers_): Promise<Outcome<MessageShape<O>[]>>;
  close?(): void;
};

const TIMEOUT_MS = 20_000;

/** All ways into an edge. Close those that have a `close`. */
export function waysInto(edge: { url: string; tls_url: string }): Way[] {
  const [host, tls_host] = [new URL(edge.url).host, edge.tls_url];
  return [
    overTransport('Connect', createConnectTransport({ baseUrl: edge.url, useBinaryFormat: true })),
    overTransport('Connect GET', createConnectTransport({ baseUrl: edge.url, useBinaryFormat: true, useHttpGet: true })),
    overTransport('gRPC-Web', createGrpcWebTransport({ baseUrl: edge.url })),
    overTransport('gRPC', createGrpcTransport({ baseUrl: edge.url })),
    // A certificate of the stack's own.
    overTransport('gRPC over TLS', createGrpcTransport({ baseUrl: tls_host, nodeOptions: { rejectUnauthorized: false } })),
    ofOurServices(host),
    json(edge.url),
  ];
}

function overTransport(name: string, transport: Transport): Way {
  return {
    name,
    async unary(method, request, headers) {
      try {
        const { message } = await transport.unary(method, undefined, TIMEOUT_MS, headers, request);
        return { answer: message };
      } catch (error) {
        return { refusal: refusalOf(error) };
      }
    },
    async first<I extends DescMessage, O extends DescMessage>(method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>, count: number, headers?: Headers_) {
      const controller = new AbortController();
      const answer: MessageShape<O>[] = [];
      try {
        const { message } = await transport.stream(method, controller.signal, undefined, headers, once(request));
        for await (const one of message) if (answer.push(one) === count) break;
        return { answer };
      } catch (error) {
        return { refusal: refusalOf(error) };
      } finally {
        controller.abort();
      }
    },
  };
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

/** As an unmodified client of Connect reads it: details by type name, a message that is text. */
function refusalOf(thrown: unknown): Refusal {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: snake(Code[error.code]),
    reason: info?.reason,
    retry_after_ms: delay === undefined ? undefined : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6),
    sentences: Object.fromEntries(error.findDetails(LocalizedMessageSchema).map(({ locale, message }) => [locale, message])),
    header_names: [...error.metadata.keys()],
  };
}

/** grpc-js, through the client that our own services use. */
function ofOurServices(address: string): Way {
  const clients = new Map<string, Record<string, unknown> & { close(): void }>();
  const clientOf = (service: DescMethodUnary['parent']) => {
    const client = clients.get(service.typeName) ?? createClient(service, { default_timeout_ms: 60_000, address, service: 'test' });
    clients.set(service.typeName, client);
    return client as Record<string, (request: unknown, options: object) => unknown>;
  };
  return {
    name: 'grpc-js',
    async unary(method, request, headers = {}) {
      try {
        const options = { metadata: binaryOf(headers), timeout_ms: TIMEOUT_MS };
        return { answer: (await clientOf(method.parent)[method.localName]!(create(method.input, request), options)) as MessageShape<typeof method.output> };
      } catch (error) {
        return { refusal: ofRpcError(error) };
      }
    },
    async first(method, request, count, headers = {}) {
      const answer: MessageShape<typeof method.output>[] = [];
      try {
        const answers = clientOf(method.parent)[method.localName]!(create(method.input, request), { metadata: binaryOf(headers), timeout_ms: Infinity });
        for await (const one of answers as AsyncIterable<MessageShape<typeof method.output>>) if (answer.push(one) === count) break;
        return { answer };
      } catch (error) {
        return { refusal: ofRpcError(error) };
      }
    },
    close: () => clients.forEach((client) => client.close()),
  };
}

/** grpc-js wants bytes for headers that end in `-bin`. */
function binaryOf(headers: Headers_): Record<string, string | Buffer> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value]));
}

function ofRpcError(error: unknown): Refusal {
  if (!(error instanceof RpcError)) throw error;
  const { code, reason, retry_after_ms, localized } = error;
  return { code, reason, retry_after_ms, sentences: localized === undefined ? {} : { [localized.locale]: localized.message }, header_names: [] };
}

/** The `google.api.http` paths, by fetch. */
function json(url: string): Way {
  return {
    name: 'JSON',
    async unary(method, request, headers) {
      const { verb, path, body } = httpRequestOf(method, toJson(method.input, create(method.input, request)) as JsonObject);
      const response = await fetch(`${url}${path}`, { method: verb, body, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } });
      const answer = (await response.json()) as JsonObject;
      if (response.ok) return { answer: fromJson(method.output, answer, { ignoreUnknownFields: false }) };
      return { refusal: { ...ofStatusJson(answer), http_status: response.status, header_names: [...response.headers.keys()] } };
    },
  };
}

/** What a partner reads: google.rpc.Status in protobuf's JSON. */
export function ofStatusJson(body: JsonObject): Omit<Refusal, 'header_names'> {
  const status = fromJson(StatusSchema, body, { registry: DETAILS });
  const found = status.details.map((detail) => anyUnpack(detail, DETAILS));
  const of = <D extends DescMessage>(schema: D): MessageShape<D>[] => found.filter((message) => message?.$typeName === schema.typeName) as MessageShape<D>[];
  const delay = of(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: snake(Code[status.code]),
    reason: of(ErrorInfoSchema)[0]?.reason,
    retry_after_ms: delay === undefined ? undefined : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6),
    sentences: Object.fromEntries(of(LocalizedMessageSchema).map(({ locale, message }) => [locale, message])),
  };
}

/** Path, query and body of a method by its `google.api.http` rule (the shapes our contracts use: get, and post of the whole). */
export function httpRequestOf(method: DescMethodUnary, fields: JsonObject): { verb: string; path: string; body?: string } {
  const { pattern, body } = getOption(method, http);
  const left = { ...fields };
  const path = String(pattern.value).replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const key = name.replaceAll(/_(\w)/g, (__, letter: string) => letter.toUpperCase());
    const value = left[key];
    delete left[key];
    return encodeURIComponent(String(value));
  });
  if (pattern.case === 'post' && body === '*') return { verb: 'POST', path, body: JSON.stringify(left) };
  const query = new URLSearchParams(flat(left, '')).toString();
  return { verb: pattern.case!.toUpperCase(), path: query === '' ? path : `${path}?${query}` };
}

function flat(value: unknown, name: string): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((one) => flat(one, name));
  if (typeof value !== 'object' || value === null) return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, name === '' ? key : `${name}.${key}`));
}

/** `FailedPrecondition` → `FAILED_PRECONDITION`; Connect and gRPC spell one of them differently. */
function snake(name: string | undefined): string {
  const spelled = (name ?? 'Unknown').replaceAll(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
  return spelled === 'CANCELED' ? 'CANCELLED' : spelled;
}

const DETAILS = createRegistry(ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema, BadRequestSchema, AnySchema);

