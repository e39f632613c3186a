// What every sandbox's main.ts needs besides its own rules: keys, knobs, journal and server, started and stopped as one.
import { join } from 'node:path';
import { z } from 'zod';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import type { OutsideSystem } from '#kit/external/keys.ts';
import { startAll } from '#kit/run/lifecycle.ts';
import type { Lifecycle, Stoppable } from '#kit/run/lifecycle.ts';
import type { Clock } from '#kit/base/clock.ts';
import { createLog } from '#kit/telemetry/log.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { KeyObject } from 'node:crypto';
import { systemRandom } from '#kit/base/random.ts';
import { Faults } from './faults.ts';
import { openJournal } from './journal.ts';
import { kindsOf } from './kinds.ts';
import type { Journal } from './journal.ts';
import type { Route } from './route.ts';
import { startSandboxServer } from './server.ts';

/** Environment of all sandboxes; each adds its own port (`REALNAME_HTTP_PORT` …). */
export const SANDBOX_CONFIG = {
  listen_host: z.string().default('127.0.0.1'),
  sandbox_keys_dir: z.string(),
  /** Where it remembers; without it everything is forgotten at the end of the process. */
  sandbox_data_dir: z.string().optional(),
  /** With a tls.crt and a tls.key in it, it speaks HTTPS; without it HTTP. */
  sandbox_tls_dir: z.string().optional(),
};

export type SandboxConfig = { listen_host: string; sandbox_keys_dir: string; sandbox_data_dir?: string; sandbox_tls_dir?: string };

export type SandboxParts = {
  name: OutsideSystem;
  keys: { sign_key: KeyObject; peer_key: KeyObject };
  faults: Faults;
  log: Log;
  clock?: Clock;
  lifecycle: Lifecycle;
  /** Opens `<SANDBOX_DATA_DIR>/<name>.jsonl` after its records were replayed. */
  openJournal: <R>(replay: (record: R) => void) => Promise<Journal<R>>;
};

export type Sandbox = Stoppable & { port: number; address: string; url: string; faults: Faults; stop(): Promise<void> };

/** Starts an outside system: `build` makes its routes from the parts. */
export async function startSandbox(name: OutsideSystem, port: number, config: SandboxConfig, build: (parts: SandboxParts) => Promise<Route[]>, options: { clock?: Clock; log?: Log } = {}): Promise<Sandbox> {
  const faults = new Faults(systemRandom, kindsOf(name));
  const started = await startAll(async (lifecycle) => {
    const keys = await loadSandboxKeys(config.sandbox_keys_dir, name);
    const log = options.log ?? createLog({ service: `sandbox-${name}` });
    const routes = await build({
      name,
      keys,
      faults,
      log,
      clock: options.clock,
      lifecycle,
      async openJournal(replay) {
        const path = config.sandbox_data_dir === undefined ? undefined : join(config.sandbox_data_dir, `${name}.jsonl`);
        const journal = await openJournal(path, replay);
        lifecycle.onStop('journal', () => journal.close());
        return journal;
      },
    });
    const server = lifecycle.add('http', await startSandboxServer({ name, host: config.listen_host, port, keys, routes, faults, log, clock: options.clock, tls_dir: config.sandbox_tls_dir }));
    return { port: server.port, address: server.address };
  });
  return { ...started, url: `${config.sandbox_tls_dir === undefined ? 'http' : 'https'}://${started.address}`, faults, stop: async () => started.stop() };
}
