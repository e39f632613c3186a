import type { Failure } from '#kit/base/result.ts';
import { RpcError } from './error.ts';

type Ending = { fail(error: RpcError): void };

/** Streams without an end of their own. A drain ends them, also those that arrive while it goes on. */
export class EndlessStreams {
  readonly #open = new Set<Ending>();
  #draining = false;

  add(stream: Ending): void {
    this.#open.add(stream);
    if (this.#draining) stream.fail(RpcError.of(SHUTTING_DOWN));
  }

  delete(stream: Ending): void {
    this.#open.delete(stream);
  }

  /** Clients are told to come back soon: they then find another server. */
  drain(): void {
    this.#draining = true;
    for (const stream of this.#open) stream.fail(RpcError.of(SHUTTING_DOWN));
  }
}

const SHUTTING_DOWN: Failure = { reason: 'SHUTTING_DOWN', retry_after_ms: 100 };
