/** A service as a process that dies at a point, and its next life, which is loaded while this one runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { dieWithUs } from '../../scripts/tools/command.ts';
import type { Point } from './points.ts';
import type { SagaService } from './saga_seams.ts';

type Life = { child: ChildProcess; loaded: Promise<void>; died: Promise<string> };

export class Doomed {
  readonly #service: SagaService;
  readonly #env: Readonly<Record<string, string>>;
  #life: Life;
  #next: Life;

  private constructor(service: SagaService, env: Readonly<Record<string, string>>) {
    this.#service = service;
    this.#env = env;
    this.#life = this.#load();
    this.#next = this.#load();
  }

  /** Resolves when it serves. */
  static async start(service: SagaService, env: Readonly<Record<string, string>>): Promise<Doomed> {
    const made = new Doomed(service, env);
    await made.#begin();
    return made;
  }

  /** Resolves with the signal or exit code that ended the present life. */
  get died(): Promise<string> {
    return this.#life.died;
  }

  async arm(point: Point | undefined): Promise<void> {
    const answered = once(this.#life.child, 'message');
    this.#life.child.send({ point });
    await answered;
  }

  kill(): void {
    this.#life.child.kill('SIGKILL');
  }

  /** Starts the next life once this one is over. */
  async revive(): Promise<void> {
    await this.#life.died;
    this.#life = this.#next;
    this.#next = this.#load();
    await this.#begin();
  }

  async stop(): Promise<void> {
    for (const { child } of [this.#life, this.#next]) child.kill('SIGKILL');
    await Promise.all([this.#life.died, this.#next.died]);
  }

  async #begin(): Promise<void> {
    const { child, loaded, died } = this.#life;
    await loaded;
    const serving = once(child, 'message');
    child.send({ start: true });
    await Promise.race([serving, died.then((how) => Promise.reject(new Error(`${this.#service} ended before it served: ${how}`)))]);
  }

  #load(): Life {
    const words = [...dieWithUs(), process.execPath, fileURLToPath(new URL('saga_child.ts', import.meta.url)), this.#service];
    const child = spawn(words[0]!, words.slice(1), { env: { PATH: process.env.PATH, LOG_LEVEL: 'silent', ...this.#env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const died = once(child, 'exit').then(([code, signal]) => String((signal as string | null) ?? code));
    return { child, died, loaded: once(child, 'message').then(() => undefined) };
  }
}
