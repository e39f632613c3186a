/** The stack under test, run as a person runs it: a supervisor of its own that can be killed like everything else. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readStatus, readToolEnvironment, stackFolder } from '../../scripts/stack/folder.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { NODE_BIN, ROOT, RUN } from '../../scripts/tools/paths.ts';
import { eventually, processesOfFolder } from '../support/processes.ts';
import type { Place } from './world.ts';

export type VictimOptions = { name: string; feed: string; env: Record<string, string> };

const OUTPUT_CHARS_MAX = 200_000;

export class Victim {
  readonly #options: VictimOptions;
  #supervisor: ChildProcess | undefined;
  #output = '';

  constructor(options: VictimOptions) {
    this.#options = options;
  }

  /** What the supervisor printed: who died, and who is ready again. */
  get output(): string {
    return this.#output;
  }

  get page(): string {
    return this.place.env.PUBLIC_URL!;
  }

  get place(): Place {
    return { folder: stackFolder(this.#options.name).path, env: readToolEnvironment(this.#options.name) };
  }

  /** Starts, or starts again with the same data, and resolves when everything serves and sells. */
  async start(): Promise<void> {
    const { name, feed, env } = this.#options;
    // A run of tests that is killed takes the stack along.
    const words = [...dieWithUs(), join(NODE_BIN, 'node'), join(ROOT, 'scripts', 'start.ts'), '--name', name, '--processes', 'each', '--feed', feed, '--no-web', '--log-level', 'info'];
    const child = spawn(words[0]!, words.slice(1), { cwd: ROOT, env: { ...process.env, ...env, LANG: 'C.UTF-8', LC_ALL: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#supervisor = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (this.#output = (this.#output + data.toString()).slice(-OUTPUT_CHARS_MAX)));
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`the stack ended: ${this.#output.slice(-3000)}`);
      const status = readStatus(name);
      return status?.state === 'ready' && status.supervisor.pid === child.pid;
    });
  }

  /** Names of all processes that are supervised now. */
  processes(): string[] {
    return readdirSync(join(this.place.folder, 'pids')).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
  }

  /** Kills processes in one go; resolves once each of them serves again. Answers the time that took, by name. */
  async kill(names: readonly string[]): Promise<Record<string, number>> {
    const before = new Map(names.map((name) => [name, this.#readyAgain(name)]));
    const pids = names.map((name) => this.#pidOf(name));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const from_ms = performance.now();
    const times = await Promise.all(
      names.map(async (name) => {
        await eventually(() => this.#readyAgain(name) > before.get(name)!);
        return [name, Math.round(performance.now() - from_ms)] as const;
      }),
    );
    return Object.fromEntries(times);
  }

  /** Kills the supervisor; the kernel takes its children along. Resolves when nothing of the stack runs any more. */
  async killSupervisor(): Promise<void> {
    const child = this.#supervisor!;
    child.kill('SIGKILL');
    await once(child, 'close');
    await eventually(() => this.#running() === 0);
  }

  async stop(): Promise<void> {
    const child = this.#supervisor;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'close');
  }

  /** Whatever happened: nothing runs on, and the folder goes, unless somebody has to look into it. */
  clean({ keep }: { keep: boolean }): void {
    this.#supervisor?.kill('SIGKILL');
    const { path } = stackFolder(this.#options.name);
    for (const { pid } of processesOfFolder(path)) process.kill(pid, 'SIGKILL');
    if (keep) return;
    for (const left of [this.#options.name, `${this.#options.name}.old`, `${this.#options.name}.lock`]) rmSync(join(RUN, left), { recursive: true, force: true });
  }

  #running(): number {
    return processesOfFolder(stackFolder(this.#options.name).path).length;
  }

  #readyAgain(name: string): number {
    return this.#output.split(`${name} is ready again`).length - 1;
  }

  #pidOf(name: string): number {
    const path = join(this.place.folder, 'pids', `${name}.json`);
    if (!existsSync(path)) throw new Error(`${name} does not run`);
    return (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid;
  }
}
