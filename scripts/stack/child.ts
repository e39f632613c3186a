/**
 * Keeps one program running the way a cluster would: it is waited for until it is ready, started again when it dies
 * (ever slower, never giving up), and ended with everything it started.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Told, type Say } from '../say.ts';
import { dieWithUs } from '../tools/command.ts';
import { aborted } from './aborted.ts';
import { forgetProcess, identityOf, recordProcess, signalGroup, type ProcessIdentity } from './identity.ts';

export type ChildSpec = {
  name: string;
  /** The program and its arguments. */
  words: readonly string[];
  env: Record<string, string | undefined>;
  cwd?: string;
  /** Resolves once the program serves. Called again after each restart; must stop when the signal aborts. */
  ready: (signal: AbortSignal) => Promise<void>;
  ready_within_ms?: number;
  /** How long it may take to end by itself before it is killed. */
  stop_within_ms?: number;
};

export type Kept = {
  readonly name: string;
  readonly log_path: string;
  /** The running process; undefined between two lives. */
  pid(): number | undefined;
  restarts(): number;
  /** Resolves when the program is ready again after its `restarts` grew beyond `after`. For tests and the status file. */
  restarted(after: number): Promise<void>;
  stop(): Promise<void>;
  /** At once, without asking the program. */
  kill(): void;
};

export type ChildFolders = { pids: string; logs: string };

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;
const START_TRIES_MAX = 3;
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A program that lived this long has earned a quick restart. */
const HEALTHY_AFTER_MS = 60_000;
const LOG_BYTES_MAX = 20 * 1024 * 1024;
const LOG_TAIL_LINES = 15;

/**
 * Starts a program and resolves when it is ready. Throws `Told` with the end of its log when it can't be started;
 * nothing is left running then. `signal` ends the waiting.
 */
export async function keep(spec: ChildSpec, folders: ChildFolders, tell: Say, signal: AbortSignal): Promise<Kept> {
  const keeper = new Keeper(spec, folders, tell);
  for (let attempt = 1; ; attempt++) {
    try {
      await keeper.launch(signal);
      keeper.watch();
      return keeper;
    } catch (error) {
      await keeper.stop();
      if (signal.aborted || attempt >= START_TRIES_MAX || !(error instanceof Died)) throw error;
      keeper.reopen();
      await sleep(BACKOFF_FIRST_MS * attempt, undefined, { signal });
    }
  }
}

/** The program ended before it was ready. */
export class Died extends Told {
  override name = 'Died';
}

class Keeper implements Kept {
  readonly name: string;
  readonly log_path: string;
  readonly #spec: ChildSpec;
  readonly #folders: ChildFolders;
  readonly #tell: Say;
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #exited: Promise<string> = Promise.resolve('not started');
  #stopping = new AbortController();
  #restarts = 0;
  #ready_since_restart = Promise.withResolvers<void>();

  constructor(spec: ChildSpec, folders: ChildFolders, tell: Say) {
    this.name = spec.name;
    this.log_path = join(folders.logs, `${spec.name}.log`);
    this.#spec = spec;
    this.#folders = folders;
    this.#tell = tell;
  }

  pid(): number | undefined {
    return this.#identity?.pid;
  }

  restarts(): number {
    return this.#restarts;
  }

  async restarted(after: number): Promise<void> {
    while (this.#restarts <= after) await this.#ready_since_restart.promise;
  }

  /** Allows another try after a failed one. */
  reopen(): void {
    this.#stopping = new AbortController();
  }

  /** One life: spawns the program and waits until it is ready or dead. */
  async launch(signal: AbortSignal): Promise<void> {
    this.#spawn();
    const waiting = AbortSignal.any([signal, this.#stopping.signal, AbortSignal.timeout(this.#spec.ready_within_ms ?? READY_WITHIN_MS)]);
    const died = this.#exited.then((how): never => {
      throw new Died(`${this.name} ended (${how}) before it was ready. ${this.#lastWords()}`, `${this.name} 尚未就绪就已退出（${how}）。${this.#lastWords()}`);
    });
    died.catch(() => {});
    // Whichever ends the wait, the probe must not go on.
    const over = new AbortController();
    try {
      await Promise.race([this.#spec.ready(AbortSignal.any([waiting, over.signal])), died, aborted(waiting)]);
    } catch (error) {
      if (error instanceof Died || signal.aborted || this.#stopping.signal.aborted) throw error;
      throw new Told(`${this.name} did not become ready: ${String(error)}. ${this.#lastWords()}`, `${this.name} 未能就绪：${String(error)}。${this.#lastWords()}`);
    } finally {
      over.abort();
    }
  }

  /** From now on each death is followed by a new life, until `stop`. */
  watch(): void {
    void this.#watch().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.#tell(`${this.name}: supervision failed: ${String(error)}`, `${this.name}：守护失败：${String(error)}`);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const identity = this.#identity;
    if (!identity) return;
    signalGroup(identity, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(identity, 'SIGKILL'), this.#spec.stop_within_ms ?? STOP_WITHIN_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#stopping.abort();
    if (this.#identity) signalGroup(this.#identity, 'SIGKILL');
  }

  #spawn(): void {
    const log = openLog(this.log_path);
    const words = [...dieWithUs(), ...this.#spec.words];
    const child = spawn(words[0]!, words.slice(1), {
      cwd: this.#spec.cwd,
      env: this.#spec.env,
      stdio: ['ignore', log, log],
      // Its own session: Ctrl-C in the terminal reaches only the supervisor, which ends the programs in order.
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#identity = child.pid === undefined ? undefined : identityOf(child.pid);
    if (this.#identity) recordProcess(this.#folders.pids, this.name, this.#identity);
    this.#exited = new Promise((resolve) => {
      const end = (how: string): void => {
        // Whatever the program itself started goes with it.
        if (child.pid !== undefined) killGroupRemains(child.pid);
        forgetProcess(this.#folders.pids, this.name);
        if (this.#child === child) this.#identity = undefined;
        resolve(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, exit_signal) => end(exit_signal ?? `exit code ${code}`));
    });
  }

  async #watch(): Promise<void> {
    let backoff_ms = BACKOFF_FIRST_MS;
    const { signal } = this.#stopping;
    for (;;) {
      const from_ms = performance.now();
      const how = await this.#exited;
      if (signal.aborted) return;
      if (performance.now() - from_ms > HEALTHY_AFTER_MS) backoff_ms = BACKOFF_FIRST_MS;
      this.#tell(`${this.name} ended (${how}); starting it again in ${backoff_ms} ms`, `${this.name} 已退出（${how}），${backoff_ms} 毫秒后重启`);
      await sleep(backoff_ms, undefined, { signal });
      backoff_ms = Math.min(backoff_ms * 2, BACKOFF_MAX_MS);
      await this.#relaunch(signal);
      if (signal.aborted) return;
    }
  }

  async #relaunch(signal: AbortSignal): Promise<void> {
    try {
      await this.launch(signal);
      this.#restarts++;
      this.#ready_since_restart.resolve();
      this.#ready_since_restart = Promise.withResolvers();
      this.#tell(`${this.name} is ready again`, `${this.name} 已恢复`);
    } catch (error) {
      if (signal.aborted) return;
      this.#tell(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
      // Alive but not ready is no better than dead.
      if (this.#identity) signalGroup(this.#identity, 'SIGKILL');
    }
  }

  #lastWords(): string {
    try {
      const lines = readFileSync(this.log_path, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES);
      return `${this.log_path}:\n${lines.map((line) => `  | ${line}`).join('\n')}`;
    } catch {
      return '';
    }
  }
}

/** The leader is gone; its number still names the group as long as a member lives, so nobody else can have it. */
function killGroupRemains(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // No member is left.
  }
}

function openLog(path: string): number {
  try {
    if (statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  } catch {
    // There is no log yet.
  }
  return openSync(path, 'a', 0o600);
}
