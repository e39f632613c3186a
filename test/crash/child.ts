/**
 * A process of inventory, wired by its own `main.ts`, whose stores are those of doomed_stores.ts: the module hook puts them
 * in the place of the real ones for the wiring alone, so no line of the service knows of it.
 */
import { registerHooks } from 'node:module';
import { readConfig } from '#kit/run/config.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { arm, type Point } from './points.ts';

const WIRING = new URL('../../services/inventory/main.ts', import.meta.url).href;
const REPLACED: ReadonlySet<string> = new Set(['./store/seats.ts', './store/ledger/index.ts', '#kit/store/mysql.ts']);

registerHooks({
  resolve(specifier, context, next) {
    const doomed = context.parentURL === WIRING && REPLACED.has(specifier);
    return next(doomed ? new URL('doomed_stores.ts', import.meta.url).href : specifier, context);
  },
});

process.once('disconnect', () => process.exit());
process.on('message', ({ point }: { point: Point | undefined }) => {
  arm(point);
  process.send!({ armed: true });
});

const { configSchema, start } = await import('../../services/inventory/main.ts');
// Outages are what happens here; whatever else is logged as an error is a bug, and the test should show it.
const destination = { write: (line: string) => void (line.includes('StoreUnavailable') || process.stderr.write(line)) };
const { address } = await start(readConfig(configSchema), { log: createLog({ service: 'inventory', level: 'error', destination }) });
process.send!({ address });
