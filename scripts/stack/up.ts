/**
 * Brings a whole stack up and keeps it up: servers, databases, services, edge, timetable. Used by `npm start`, and by
 * tests and benchmarks that want a stack of their own.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { migrateAll } from '../migrate.ts';
import { step, Told, type Say } from '../say.ts';
import { lockFile, type Held } from '../tools/filelock.ts';
import { ensureTools, type Tool } from '../tools/index.ts';
import { NODE_BIN, ROOT } from '../tools/paths.ts';
import { aborted } from './aborted.ts';
import { keep, type ChildSpec, type Kept } from './child.ts';
import { edgeSpec } from './edge.ts';
import { addressEnvironment, chooseAddresses, mysqlUrlOf, processEnvironment, secretEnvironment, type EnvironmentInput, type StackAddresses } from './environment.ts';
import { prepareFolder, readStatus, stackFolder, writeStatus, type StackFolder, type StackState } from './folder.ts';
import { endOrphans, identityOf } from './identity.ts';
import { startInfra, type Infra } from './infra.ts';
import { openPortBook, LOOPBACK, type PortBook } from './ports.ts';
import { prepareFeed } from './feed.ts';
import { httpServes, until } from './probe.ts';
import { openSecrets, writePrivate, type Secrets } from './secrets.ts';
import { importTimetable, openSales } from './seed.ts';
import { isSandbox, processesOf, SERVICE_NAMES, UNIT_NAMES, type ProcessLayout, type ServiceProcess, type UnitName } from './services.ts';
import { buildWeb, emptyWeb } from './web.ts';
import type { RedisOptions } from './servers.ts';

export type StackOptions = {
  name: string;
  /** Forget all data first. */
  reset: boolean;
  layout: ProcessLayout;
  redis_fsync: NonNullable<RedisOptions['fsync']>;
  log_level: string;
  /** Leave out what a test or a benchmark does not need. */
  services: readonly UnitName[] | 'all' | 'none';
  /** Units that run from another checkout, in a process of their own: another version of them. */
  elsewhere?: { root: string; units: readonly UnitName[] };
  edge: boolean;
  /** How many proxies stand before the edge whose x-forwarded-for counts; none where it is left out. */
  trusted_hops?: number;
  /** What the edge lets through in all before it asks anybody; 5,000 requests a second where undefined. */
  edge_limit_per_s?: number;
  /** Without it the edge serves an empty page, and nothing is built. */
  web: boolean;
  seed: boolean;
  feed: string | undefined;
  tell: Say;
  /** Ends a start that is under way; what runs by then is stopped. */
  signal: AbortSignal;
};

export type Stack = {
  page: string;
  page_tls: string;
  folder: StackFolder;
  infra: Infra;
  /** Addresses and secrets for tools of the stack; also in `.run/<name>/environment.json`. */
  env: Record<string, string>;
  kept: readonly Kept[];
  stop(): Promise<void>;
};

const TOOL_NAMES = ['redis', 'mariadb', 'nats', 'envoy'] as const;
const LOCK_TRIES_MAX = 30;
const LOCK_PAUSE_MS = 100;
const SERVICE_READY_WITHIN_MS = 120_000;

/** Starts a stack and resolves when all of it serves. Throws `Told` in words for people; then nothing is left running. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = stackFolder(options.name);
  const lock = await takeLock(folder);
  const building = new Building(folder, options, lock);
  try {
    return await building.run();
  } catch (error) {
    await building.stop();
    throw error;
  }
}

class Building {
  readonly #folder: StackFolder;
  readonly #options: StackOptions;
  readonly #lock: Held;
  readonly #ports: PortBook;
  readonly #kept: Kept[] = [];
  readonly #started_at = new Date().toISOString();
  #infra: Infra | undefined;
  #addresses: StackAddresses | undefined;
  #stopped: Promise<void> | undefined;
  readonly #killAll = (): void => {
    for (const child of [...this.#kept, ...(this.#infra?.kept ?? [])]) child.kill();
  };

  constructor(folder: StackFolder, options: StackOptions, lock: Held) {
    this.#folder = folder;
    this.#options = options;
    this.#lock = lock;
    if (options.reset) rmSync(folder.path, { recursive: true, force: true });
    this.#ports = openPortBook(folder.ports, options.tell);
    // The last line of defence when this process ends without stopping: an uncaught error, a second Ctrl-C.
    process.on('exit', this.#killAll);
  }

  async run(): Promise<Stack> {
    const { tell, signal } = this.#options;
    // Compilers and downloads know nothing of our signal: we leave them, and they end with this process.
    const tools = await Promise.race([ensureTools(TOOL_NAMES, tell), aborted(signal)]);
    prepareFolder(this.#folder, tools.mariadb.version, tell);
    const orphans = await endOrphans(this.#folder.pids);
    if (orphans.length > 0) tell(`ended what an earlier run had left: ${orphans.join(', ')}`, `已结束上次运行遗留的进程：${orphans.join('、')}`);
    this.#addresses = await chooseAddresses(this.#ports);
    const secrets = openSecrets(this.#folder.secrets);
    this.#status('starting');

    const page = this.#buildPage();

    this.#infra = await step(tell, 'starting redis, mariadb and nats', '正在启动 redis、mariadb、nats', () => this.#startInfra(tools, secrets));
    const input = await this.#environmentInput(this.#addresses, this.#infra, secrets);
    const units = this.#units();
    const env = this.#toolEnvironment(input);
    await step(tell, 'bringing the databases up to date', '正在更新数据库结构', () => this.#migrate(input));
    await this.#startServices(units, input);
    if (this.#options.edge) await this.#startEdge(tools.envoy, await page);
    if (this.#options.seed) await this.#seed(env);
    signal.throwIfAborted();
    this.#status('ready');
    return {
      page: this.#addresses.public_url,
      page_tls: tlsPage(this.#addresses),
      folder: this.#folder,
      infra: this.#infra,
      env,
      kept: [...this.#infra.kept, ...this.#kept],
      stop: () => this.stop(),
    };
  }

  /** The edge first, so that nobody is let in any more, then the services, then what they stand on. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    this.#status('stopping');
    const edge = this.#kept.filter((child) => child.name === 'envoy');
    const services = this.#kept.filter((child) => child.name !== 'envoy');
    for (const group of [edge, services]) await Promise.all(group.map((child) => child.stop()));
    await this.#infra?.stop();
    this.#status('stopped');
    process.off('exit', this.#killAll);
    await this.#lock.release();
  }

  /** Built while the servers start; a failure is told when the page is needed. */
  #buildPage(): Promise<string> {
    if (!this.#options.edge) return Promise.resolve('');
    const page = this.#options.web ? buildWeb(this.#options.tell) : emptyWeb(join(this.#folder.path, 'web'));
    page.catch(() => {});
    return page;
  }

  #startInfra(tools: Awaited<ReturnType<typeof ensureTools<'redis' | 'mariadb' | 'nats'>>>, secrets: Secrets): Promise<Infra> {
    const { tell, signal, redis_fsync } = this.#options;
    return startInfra({ folder: this.#folder.path, parts: { redis: true, mysql: true, nats: true }, tools, ports: this.#ports, secrets, tell, signal, redis: { fsync: redis_fsync } });
  }

  async #environmentInput(addresses: StackAddresses, infra: Infra, secrets: Secrets): Promise<EnvironmentInput> {
    const signing_keys_dir = join(this.#folder.path, 'keys');
    const sandbox_keys_dir = join(this.#folder.path, 'sandbox-keys');
    await ensureKeys({ signing_keys_dir, sandbox_keys_dir });
    const { feed, tell, log_level } = this.#options;
    const feed_file = await prepareFeed({ folder: this.#folder.path, feed, tell });
    return { addresses, infra, secrets, signing_keys_dir, sandbox_keys_dir, sandbox_data_dir: join(this.#folder.path, 'sandbox'), feed_file, log_level };
  }

  #units(): readonly UnitName[] {
    const { services } = this.#options;
    if (services === 'none') return [];
    return services === 'all' ? UNIT_NAMES : services;
  }

  #toolEnvironment(input: EnvironmentInput): Record<string, string> {
    const env = {
      ...addressEnvironment(input.addresses),
      ...secretEnvironment(SERVICE_NAMES, input),
      SANDBOX_KEYS_DIR: input.sandbox_keys_dir,
      MYSQL_ADMIN_URL: input.infra.mysql_url!,
      NATS_MONITOR_URL: input.infra.nats_monitor_url!,
    };
    writePrivate(join(this.#folder.path, 'environment.json'), `${JSON.stringify(env, null, 2)}\n`);
    return env;
  }

  async #migrate({ infra, secrets }: EnvironmentInput): Promise<void> {
    const service_urls = Object.fromEntries(SERVICE_NAMES.map((name) => [name, mysqlUrlOf(name, infra.mysql_url!, secrets)]));
    await migrateAll({ admin_url: infra.mysql_url!, service_urls, log: createLog({ service: 'migrate', level: 'warn' }) });
  }

  async #startServices(units: readonly UnitName[], input: EnvironmentInput): Promise<void> {
    const { layout, elsewhere = { root: ROOT, units: [] } } = this.#options;
    const here = processesOf(layout, units.filter((unit) => !elsewhere.units.includes(unit))).map((group) => ({ group, root: ROOT }));
    const there = processesOf('one', elsewhere.units).map(({ name, units }) => ({ group: { name: `${name}_elsewhere`, units }, root: elsewhere.root }));
    const groups = [...here, ...there];
    if (groups.length === 0) return;
    const names = units.join(', ');
    await step(this.#options.tell, `starting ${names}`, `正在启动 ${names}`, async () => {
      const specs = await Promise.all(groups.map(({ group, root }) => this.#serviceSpec(group, root, input)));
      await this.#keepAll(specs);
    });
  }

  async #serviceSpec(group: ServiceProcess, root: string, input: EnvironmentInput): Promise<ChildSpec> {
    const metrics_port = await this.#ports.port(`${group.name}_metrics`);
    const own = processEnvironment(group, metrics_port, input);
    return {
      name: group.name === group.units[0] ? group.name : `services-${group.name}`,
      words: [join(NODE_BIN, 'node'), join(root, 'scripts', 'stack', 'serve.ts'), '--services', group.units.join(',')],
      // What the person at the terminal set (ORDER_PAY_WINDOW_MS=…) reaches our services, not what the stack sets itself.
      env: { ...process.env, ...own },
      cwd: root,
      ready: (signal) => until(signal, () => httpServes(metrics_port, '/readyz')),
      ready_within_ms: SERVICE_READY_WITHIN_MS,
      stop_within_ms: group.units.every(isSandbox) ? 5_000 : 30_000,
    };
  }

  async #startEdge(tool: Tool, web_dist: string): Promise<void> {
    const admin_port = await this.#ports.port('edge_admin');
    const spec = edgeSpec({ tool, folder: join(this.#folder.path, 'envoy'), addresses: this.#addresses!, admin_port, web_dist, trusted_hops: this.#options.trusted_hops, limit_per_s: this.#options.edge_limit_per_s });
    await step(this.#options.tell, 'starting the edge (envoy)', '正在启动网关（envoy）', () => this.#keepAll([spec]));
  }

  async #seed(env: Record<string, string>): Promise<void> {
    const { tell, signal } = this.#options;
    await step(tell, 'importing the timetable', '正在导入时刻表', () => importTimetable({ env, tell, signal }));
    await step(tell, 'opening sales', '正在开售', () => openSales({ env, tell, signal }));
  }

  /** Side by side; each that is up is known at once, so that a failure of another stops it too. */
  async #keepAll(specs: readonly ChildSpec[]): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    const outcomes = await Promise.allSettled(
      specs.map(async (spec) => {
        try {
          this.#kept.push(await keep(spec, this.#folder, this.#options.tell, signal));
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    );
    if (outcomes.some((outcome) => outcome.status === 'rejected')) throw this.#options.signal.aborted ? this.#options.signal.reason : failed.signal.reason;
  }

  #status(state: StackState): void {
    if (!this.#addresses) return;
    const addresses = Object.entries(this.#ports.all()).map(([name, port]) => [name, `${LOOPBACK}:${port}`]);
    writeStatus(this.#folder, {
      name: this.#folder.name,
      state,
      supervisor: identityOf(process.pid)!,
      started_at: this.#started_at,
      page: this.#addresses.public_url,
      page_tls: tlsPage(this.#addresses),
      addresses: Object.fromEntries(addresses),
      logs: this.#folder.logs,
    });
  }
}

function tlsPage(addresses: StackAddresses): string {
  return `https://localhost:${addresses.edge_tls_port}`;
}

/** The lock of a supervisor that was killed falls a moment after it; so a short wait tells the two apart. */
async function takeLock({ name, lock }: StackFolder): Promise<Held> {
  for (let attempt = 1; ; attempt++) {
    const held = await lockFile(lock, { wait: false });
    if (held) return held;
    if (readStatus(name) || attempt >= LOCK_TRIES_MAX) throw alreadyRunning(name);
    await sleep(LOCK_PAUSE_MS);
  }
}

function alreadyRunning(name: string): Told {
  const status = readStatus(name);
  const where = status ? ` (${status.state}, ${status.page})` : '';
  return new Told(
    `The stack "${name}" is already running${where}. Stop it with: npm run stop${name === 'default' ? '' : ` -- --name ${name}`}. Or start another beside it: npm start -- --name other`,
    `"${name}" 已在运行${where}。停止：npm run stop${name === 'default' ? '' : ` -- --name ${name}`}；或另起一个：npm start -- --name other`,
  );
}
