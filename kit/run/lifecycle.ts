import { createLog } from '#kit/telemetry/log.ts';
import type { Log } from '#kit/telemetry/log.ts';

export type Stoppable = { stop(): Promise<void> | void };

/** What a service started, stopped in reverse order: what came last depends on what came first. */
export class Lifecycle implements Stoppable {
  readonly #started: Array<{ label: string; part: Stoppable }> = [];
  #stopped: Promise<void> | undefined;

  /** Keeps a part and hands it back, so that starting and keeping is one expression. */
  add<T extends Stoppable>(label: string, part: T): T {
    this.#started.push({ label, part });
    return part;
  }

  /** The same for a part whose end has another name than `stop`. */
  onStop(label: string, stop: () => unknown): void {
    this.add(label, { stop: async () => void (await stop()) });
  }

  /** Stops every part even when one fails, then throws what failed. Calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const { label, part } of this.#started.toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        errors.push(new Error(`${label} did not stop`, { cause: error }));
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'some parts did not stop');
  }
}

/** Runs a start function; when it throws half-way, everything it had started is stopped before the error goes on. */
export async function startAll<T>(start: (lifecycle: Lifecycle) => Promise<T>): Promise<T & Stoppable> {
  const lifecycle = new Lifecycle();
  try {
    const started = await start(lifecycle);
    return { ...started, stop: () => lifecycle.stop() };
  } catch (error) {
    await lifecycle.stop().catch(() => undefined);
    throw error;
  }
}

export type MainOptions = {
  log?: Log;
  /** After a signal, the process ends within this time whatever happens. */
  stop_timeout_ms?: number;
  exit?: (code: number) => void;
};

/**
 * The body of an entry file: `if (import.meta.main) await runMain(() => start(readConfig(schema)))`. SIGTERM and SIGINT
 * stop the service in bounded time and exit 0 (1 when stopping failed or took too long); a second signal exits at once.
 * What nobody caught is logged and exits 1, because a process in an unknown state must not go on.
 */
export async function runMain(start: () => Promise<Stoppable>, options: MainOptions = {}): Promise<void> {
  const { stop_timeout_ms = 25_000, exit = (code) => process.exit(code) } = options;
  const log = options.log ?? createLog({ service: 'main' });
  const die = (error: unknown, message: string): void => {
    log.fatal({ error }, message);
    exit(1);
  };
  process.on('uncaughtException', (error) => die(error, 'nobody caught an exception'));
  process.on('unhandledRejection', (error) => die(error, 'nobody handled a rejection'));

  const starting = start();
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => die(undefined, 'stopping took too long'), stop_timeout_ms).unref();
    starting.then((started) => started.stop()).then(() => exit(0), (error: unknown) => die(error, 'stopping failed'));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await starting;
    log.info({}, 'started');
  } catch (error) {
    if (!stopping) die(error, 'starting failed');
  }
}
