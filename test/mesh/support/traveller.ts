/** Programs that go on in the traveller's pod, outside of the mesh, while a test does something to it. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import type { Cluster } from '../../../scripts/mesh/cluster.ts';
import { OUTSIDE } from './mesh.ts';

export type Running = {
  output: Readable;
  /** Ends the program's standard input, by which it knows that it is over, and resolves when it has ended; rejects when it failed, also before. */
  finish(): Promise<void>;
  ended: Promise<void>;
};

/** Runs `node` with these arguments until the test, or `finish`, ends it. */
export function runInTraveller(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, args: readonly string[]): Running {
  const child = spawn('kubectl', ['-n', OUTSIDE, 'exec', '-i', 'deploy/traveller', '--', 'node', ...args], { env: mesh.env, stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => void child.kill('SIGKILL'));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`a program in the traveller's pod ended with exit code ${code}`))));
  });
  // Who waits for it hears of it; until then it is nobody's failure.
  ended.catch(() => {});
  return {
    output: child.stdout,
    ended,
    finish() {
      child.stdin.end();
      return ended;
    },
  };
}
