/**
 * One process with one or several services: `serve.ts --services order,inventory`. Each is started by the `start` of its
 * main.ts and talks to the others over gRPC, in whatever process they are. Configuration comes from the environment.
 */
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { startAll, runMain, type Stoppable } from '#kit/run/lifecycle.ts';
import { readConfig } from '#kit/run/config.ts';
import { startMetricsServer } from '#kit/telemetry/metrics.ts';
import { isUnit, mainOf, type UnitName } from './services.ts';

type Main = { configSchema: z.ZodObject; start: (config: never) => Promise<Stoppable> };

function wanted(): UnitName[] {
  const { values } = parseArgs({ options: { services: { type: 'string' } } });
  const names = (values.services ?? '').split(',').filter(Boolean);
  const unknown = names.filter((name) => !isUnit(name));
  if (names.length === 0 || unknown.length > 0) throw new Error(`--services takes names of services; not known: ${unknown.join(', ') || '(none given)'}`);
  return names.filter(isUnit);
}

await runMain(() =>
  startAll(async (lifecycle) => {
    let ready = false;
    const port = Number(process.env.METRICS_PORT ?? 0);
    lifecycle.add('metrics', await startMetricsServer({ host: process.env.LISTEN_HOST ?? '127.0.0.1', port, ready: () => ready }));
    const names = wanted();
    const mains = await Promise.all(names.map(async (name) => (await import(mainOf(name))) as Main));
    for (const [index, main] of mains.entries()) {
      lifecycle.add(names[index]!, await main.start(readConfig(main.configSchema) as never));
    }
    ready = true;
    return {};
  }),
);
