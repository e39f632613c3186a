import { Server, ServerCredentials } from '@grpc/grpc-js';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { startTracing } from '#kit/telemetry/trace.ts';
import { ruleOf } from './access.ts';
import { createAuthenticator } from './authenticate.ts';
import type { AuthOptions } from './authenticate.ts';
import { EndlessStreams } from './endless.ts';
import { Gate } from './gate.ts';
import { HealthState } from './health.ts';
import type { Implementation } from './implement.ts';
import { passBytes } from './messages.ts';
import { ServerObserver } from './observe.ts';
import { reflectionOf } from './reflection.ts';
import type { Endpoint } from './run.ts';
import { serve } from './serve.ts';

export type ServerLimits = {
  /** Largest request, in bytes. */
  max_receive_bytes: number;
  /** Largest answer, in bytes. */
  max_send_bytes: number;
  /** Calls under way, without endless streams; more are refused with OVERLOADED. */
  max_in_flight: number;
  /** Endless streams; more are refused with OVERLOADED. */
  max_streams: number;
  /** A client's longer deadline is cut to this. */
  max_timeout_ms: number;
  /** A client that reads nothing of a stream for so long is dropped with DEADLINE. */
  max_stall_ms: number;
  /** On stop: how long to go on after health says NOT_SERVING, so that load balancers notice. */
  drain_delay_ms: number;
  /** On stop: how long calls under way may take to finish before they are cut off. */
  drain_ms: number;
  /** How old a connection may get, so that clients spread again after a scale-up. 0: no limit. */
  max_connection_age_ms: number;
};

export type StartServerOptions = {
  /** Our name in logs, metrics and caller contexts, e.g. `order`. */
  service: string;
  host?: string;
  /** 0 takes a free port. */
  port?: number;
  implementations: readonly Implementation[];
  auth: AuthOptions;
  log: Log;
  limits?: Partial<ServerLimits>;
  /** Default: plain text, as the mesh's sidecar does the TLS. */
  credentials?: ServerCredentials;
  reflection?: boolean;
  clock?: Clock;
};

export type RunningServer = {
  port: number;
  /** `host:port` that a client of the same machine can call. */
  address: string;
  health: HealthState;
  /** Drains: NOT_SERVING first, then no new calls, then the end of what is under way, in bounded time. */
  stop(): Promise<void>;
};

const DEFAULT_LIMITS: ServerLimits = {
  max_receive_bytes: 1 << 20,
  max_send_bytes: 4 << 20,
  max_in_flight: 1000,
  max_streams: 20_000,
  max_timeout_ms: 60_000,
  max_stall_ms: 30_000,
  drain_delay_ms: 0,
  drain_ms: 10_000,
  max_connection_age_ms: 0,
};

/**
 * Serves contracts over gRPC with health and reflection. Throws when a method states no access rule, before anything
 * listens.
 */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 0, credentials = ServerCredentials.createInsecure() } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  startTracing();
  const services = options.implementations.map(({ service }) => service);
  const health = new HealthState(services.map(({ typeName }) => typeName));
  const standard = [health.implementation(), ...(options.reflection === false ? [] : reflectionOf(services))];
  const endless_streams = new EndlessStreams();
  const server = new Server(channelOptions(limits));
  register(server, [...options.implementations, ...standard], options, limits, endless_streams);
  const bound = await bind(server, `${host}:${port}`, credentials);
  options.log.info({ listen: `${host}:${bound}`, services: services.map(({ typeName }) => typeName) }, 'serving');
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= drain(server, health, endless_streams, limits));
  return { port: bound, address: `${host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${bound}`, health, stop };
}

function register(server: Server, implementations: readonly Implementation[], options: StartServerOptions, limits: ServerLimits, endless_streams: EndlessStreams): void {
  const authenticate = createAuthenticator({ clock: options.clock, ...options.auth });
  const observer = new ServerObserver(options.service, options.log);
  const [calls, streams] = [new Gate(limits.max_in_flight), new Gate(limits.max_streams)];
  for (const { service, handlers, foreign_rule, unlimited, around } of implementations) {
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`;
      const rule = ruleOf(method, foreign_rule);
      const endless = rule.endless && method.methodKind !== 'unary';
      const gate = unlimited === true ? undefined : endless ? streams : calls;
      const endpoint: Endpoint = { path, rule, authenticate, observer, gate, clock: options.clock ?? systemClock, max_timeout_ms: limits.max_timeout_ms, max_stall_ms: limits.max_stall_ms, endless, endless_streams };
      const { type, handle } = serve(method, handlers[method.localName]!, endpoint, around);
      if (!server.register(path, handle, passBytes, passBytes, type)) throw new Error(`${path} is implemented twice`);
    }
  }
}

function channelOptions(limits: ServerLimits): ConstructorParameters<typeof Server>[0] {
  const { max_receive_bytes, max_send_bytes, max_connection_age_ms } = limits;
  return {
    'grpc.max_receive_message_length': max_receive_bytes,
    'grpc.max_send_message_length': max_send_bytes,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Its bookkeeping costs more than our own metrics, and nobody here reads it.
    'grpc.enable_channelz': 0,
    ...(max_connection_age_ms > 0 ? { 'grpc.max_connection_age_ms': max_connection_age_ms, 'grpc.max_connection_age_grace_ms': limits.drain_ms } : {}),
  };
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

async function drain(server: Server, health: HealthState, endless_streams: EndlessStreams, { drain_delay_ms, drain_ms }: ServerLimits): Promise<void> {
  health.drain();
  await new Promise((resolve) => setTimeout(resolve, drain_delay_ms));
  const finished = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  endless_streams.drain();
  const timer = setTimeout(() => server.forceShutdown(), drain_ms);
  await finished;
  clearTimeout(timer);
}
