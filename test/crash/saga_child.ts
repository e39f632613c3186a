/**
 * A process of one service, wired by its own `main.ts`, with points around what that makes (saga_seams.ts): a module hook
 * puts the wrapped factories in the place of the real ones, so no line of the service knows of it. It is loaded at once
 * and starts when it is told to: the next life waits while the present one runs.
 */
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { readConfig } from '#kit/run/config.ts';
import { arm, doomed, doomedDatabase, type Point } from './points.ts';
import { SEAMS, type SagaService } from './saga_seams.ts';

const service = process.argv[2] as SagaService;
const home = new URL(`../../services/${service}/`, import.meta.url).href;
const MARK = '?doomed';
const seams = new Map(Object.entries(SEAMS[service]).map(([file, made]) => [`${home}${file}`, made]));
const MYSQL = new URL('../../kit/store/mysql.ts', import.meta.url).href;

/** Called by the modules that stand in for the real ones. */
const wrap = (name: string, make: (...args: unknown[]) => unknown) => (...args: unknown[]): unknown => {
  const wrapped = (made: unknown): object => doomed(name, made as object);
  const made = make(...args);
  return made instanceof Promise ? made.then(wrapped) : wrapped(made);
};
const openDoomed = (open: (...args: unknown[]) => Promise<Parameters<typeof doomedDatabase>[0]>) => async (...args: unknown[]) => doomedDatabase(await open(...args));
Object.assign(globalThis, { chunyun_doom: { wrap, openDoomed } });

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const { parentURL = '' } = context;
    const wiring = parentURL === `${home}main.ts` || parentURL.startsWith(`${home}wire/`);
    return wiring && (seams.has(found.url) || found.url === MYSQL) ? { ...found, url: found.url + MARK } : found;
  },
  load(url, context, next) {
    if (!url.endsWith(MARK)) return next(url, context);
    const real = url.slice(0, -MARK.length);
    const made = real === MYSQL ? ['export const openDatabase = chunyun_doom.openDoomed(real.openDatabase);'] : Object.entries(seams.get(real)!).map(([name, store]) => `export const ${name} = chunyun_doom.wrap('${store}', real.${name});`);
    // What is exported here stands before what `*` brings.
    const source = [`import * as real from '${real}';`, `export * from '${real}';`, ...made].join('\n');
    return { format: 'module', source, shortCircuit: true };
  },
});

type Main = { configSchema: Parameters<typeof readConfig>[0]; start(config: never): Promise<{ address: string }> };
const { configSchema, start } = (await import(fileURLToPath(`${home}main.ts`))) as Main;

process.once('disconnect', () => process.exit());
process.on('message', (told: { start: true } | { point: Point | undefined }) => {
  if ('start' in told) return void start(readConfig(configSchema) as never).then(({ address }) => process.send!({ address }));
  arm(told.point);
  process.send!({ armed: true });
});
process.send!({ loaded: true });
