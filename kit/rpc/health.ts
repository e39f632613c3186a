import { HealthCheckResponse_ServingStatus as Serving, Health } from '#gen/grpc/health/v1/health_pb.ts';
import { Access } from './access.ts';
import type { Call } from './call.ts';
import { RpcError } from './error.ts';
import { implement } from './implement.ts';
import type { Implementation } from './implement.ts';

/**
 * The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). The empty name is the
 * server as a whole.
 */
export class HealthState {
  readonly #serving = new Map<string, boolean>();
  readonly #listeners = new Set<() => void>();
  #draining = false;

  constructor(services: readonly string[]) {
    for (const service of ['', ...services]) this.#serving.set(service, true);
  }

  /** Says whether one service, or without a name all of them, can be used: e.g. false while a store is unreachable. */
  set(serving: boolean, service?: string): void {
    for (const known of service === undefined ? this.#serving.keys() : [service]) this.#serving.set(known, serving);
    this.#notify();
  }

  /** NOT_SERVING from now on, whatever is set later. */
  drain(): void {
    this.#draining = true;
    this.#notify();
  }

  statusOf(service: string): Serving {
    const serving = this.#serving.get(service);
    if (serving === undefined) return Serving.SERVICE_UNKNOWN;
    return serving && !this.#draining ? Serving.SERVING : Serving.NOT_SERVING;
  }

  implementation(): Implementation {
    return implement(
      Health,
      {
        check: ({ service }) => {
          const status = this.statusOf(service);
          if (status === Serving.SERVICE_UNKNOWN) throw RpcError.of({ reason: 'RPC_SERVICE_NOT_FOUND' });
          return { status };
        },
        watch: ({ service }, call) => this.#watch(service, call),
      },
      { foreign_rule: { access: [Access.PUBLIC], endless: true }, unlimited: true },
    );
  }

  async *#watch(service: string, call: Call): AsyncIterable<{ status: Serving }> {
    let sent: Serving | undefined;
    while (!call.signal.aborted) {
      const status = this.statusOf(service);
      if (status !== sent) yield { status };
      sent = status;
      if (this.statusOf(service) === sent) await this.#changed(call.signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
