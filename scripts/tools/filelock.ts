/**
 * One holder at a time, across processes. The kernel's lock (flock) ends with its holder, whatever kills it, so there
 * is no stale lock to judge. A small child holds it for us and lets go when its standard input closes.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { which } from './command.ts';

export type Held = {
  /** Resolves when another can have it. Not waited for, it is let go of soon. */
  release(): Promise<void>;
};

/**
 * Takes the lock of a file (made if missing). Without `wait` it answers undefined at once when another holds it; with
 * it, `onWait` is called once if there is somebody to wait for. Without `flock` on the machine (util-linux, on every
 * Debian) there is no lock and the caller goes on.
 */
export async function lockFile(path: string, options: { wait: boolean; onWait?: () => void }): Promise<Held | undefined> {
  mkdirSync(dirname(path), { recursive: true });
  if (!which('flock')) return { release: async () => {} };
  const first = await take(path, false);
  if (first || !options.wait) return first;
  options.onWait?.();
  return take(path, true);
}

function take(path: string, wait: boolean): Promise<Held | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', [...(wait ? [] : ['-n']), path, 'sh', '-c', 'echo held; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // Out of the terminal's group: Ctrl-C must not drop the lock before its holder has cleaned up.
      detached: true,
    });
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => {
      child.unref();
      (child.stdin as unknown as { unref(): void }).unref();
      (child.stdout as unknown as { unref(): void }).unref();
      resolve({
        release() {
          child.ref();
          child.stdin.end();
          return ended;
        },
      });
    });
    const ended = new Promise<void>((done) => child.once('exit', () => done()));
    child.once('error', reject);
    child.once('exit', () => resolve(undefined));
  });
}
