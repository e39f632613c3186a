/** A Redis of a test's own that is really killed, and comes back only when the test says so: with its AOF, without, or with a part of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quiet } from '../../scripts/say.ts';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { redisSpec } from '../../scripts/stack/servers.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ensureTools } from '../../scripts/tools/index.ts';

export type OwnRedis = {
  url: string;
  start(): Promise<void>;
  /** kill -9; resolves when it is dead. */
  kill(): Promise<void>;
  /** Bytes of history on disk now. */
  historyBytes(): number;
  /** Cuts the history off behind so many bytes, as a power failure does to what was not fsynced. Only while it is dead. */
  cutHistory(bytes: number): void;
  stop(): Promise<void>;
};

/** A running server; without `aof` it comes back empty. */
export async function startOwnRedis({ aof }: { aof: boolean }): Promise<OwnRedis> {
  const { redis: tool } = await ensureTools(['redis'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-redis-'));
  const [port, password] = [await freePort(), randomBytes(16).toString('hex')];
  const spec = redisSpec(tool, folder, port, password, { fsync: 'everysec' });
  const words = [...dieWithUs(), ...spec.words, '--appendonly', aof ? 'yes' : 'no'];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    child = spawn(words[0]!, words.slice(1), { env: spec.env, cwd: spec.cwd, stdio: 'ignore' });
    await spec.ready(AbortSignal.timeout(READY_WITHIN_MS));
  }
  async function kill(): Promise<void> {
    if (child === undefined) return;
    const dead = once(child, 'exit');
    child.kill('SIGKILL');
    await dead;
    child = undefined;
  }
  const history = (): string => {
    const aof_folder = join(folder, 'appendonlydir');
    return join(aof_folder, readdirSync(aof_folder).find((name) => name.endsWith('.incr.aof'))!);
  };
  await start();
  return {
    url: `redis://:${password}@${LOOPBACK}:${port}`,
    start,
    kill,
    historyBytes: () => statSync(history()).size,
    cutHistory: (bytes) => truncateSync(history(), bytes),
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const READY_WITHIN_MS = 60_000;
