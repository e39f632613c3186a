// A service as a process of its own, which a test can kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { accepts } from '../../scripts/stack/probe.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { NODE_BIN, ROOT } from '../../scripts/tools/paths.ts';
import { eventually } from '../support/processes.ts';

const OUTPUT_CHARS_MAX = 20_000;

export type ServiceProcess = { address: string; kill(): Promise<void> };

/** Resolves once it serves. It dies with the test. `root`: a copy of the sources, another version. */
export async function startServiceProcess(service: string, env: Readonly<Record<string, string>>, root = ROOT): Promise<ServiceProcess> {
  const port = await freePort();
  const words = [...dieWithUs(), join(NODE_BIN, 'node'), join(root, 'services', service, 'main.ts')];
  const child = spawn(words[0]!, words.slice(1), { cwd: root, env: { ...process.env, ...env, [`${service.toUpperCase()}_PORT`]: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output = (output + data.toString()).slice(-OUTPUT_CHARS_MAX)));
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`${service} ended before it served: ${output}`);
    return accepts(port);
  });
  const gone = once(child, 'exit');
  return {
    address: `${LOOPBACK}:${port}`,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
