/** Questions to the edge of the cluster while a test does something to the mesh. */
import { readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { EDGE_URL } from '../../../scripts/mesh/addresses.ts';
import type { Cluster } from '../../../scripts/mesh/cluster.ts';
import type { Read } from '../programs/readers.ts';
import { runInTraveller } from './traveller.ts';

export type Readers = { stop(): Promise<Read> };

/** Begins to ask `rate` times a second. */
export function startReaders(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, rate: number): Readers {
  // What a pod is given as text stands in /app, so its imports begin there.
  const program = readFileSync(new URL('../programs/readers.ts', import.meta.url), 'utf8').replaceAll('../../../scripts/', './scripts/');
  const { output, finish } = runInTraveller(t, mesh, ['--input-type=module-typescript', '--eval', program, EDGE_URL, String(rate)]);
  let text = '';
  output.on('data', (data: Buffer) => (text += data.toString()));
  return {
    async stop() {
      await finish();
      return JSON.parse(text) as Read;
    },
  };
}
