/** An OpenSearch of a test's own, where the machine has one (`npm test` fetches it; without Java its tests are skipped). */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep } from '../../scripts/stack/child.ts';
import { quiet } from '../../scripts/say.ts';
import { findTools } from '../../scripts/tools/index.ts';
import { freePorts } from './edge.ts';

export type OpenSearch = { url: string; /** As if it had been pulled out. */ kill(): Promise<void>; /** The same again, with its data. */ revive(): Promise<void>; stop(): Promise<void> };

const HEAP_MB = 256;
const POLL_MS = 100;

/** Whether `npm test` has found or fetched one; tests are declared by it. */
export function hasOpenSearch(): boolean {
  return process.env.CHUNYUN_OPENSEARCH !== undefined;
}

/** Takes about ten seconds to serve. */
export async function startOpenSearch(): Promise<OpenSearch> {
  const { opensearch } = await findTools(['opensearch']);
  if (opensearch === undefined) throw new Error('OpenSearch has gone since the tests began');
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-search-'));
  const [port, transport_port] = (await freePorts(2)) as [number, number];
  for (const name of ['config', 'data', 'logs', 'plugins', 'tmp', 'pids']) mkdirSync(join(folder, name));
  for (const name of ['lib', 'modules']) symlinkSync(join(opensearch.folder, name), join(folder, name));
  writeFileSync(join(folder, 'config', 'opensearch.yml'), `discovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: ${port}\ntransport.port: ${transport_port}\ncluster.routing.allocation.disk.threshold_enabled: false\n`);
  writeFileSync(join(folder, 'config', 'log4j2.properties'), LOGGING);
  const url = `http://127.0.0.1:${port}`;
  const words = [
    opensearch.path, `-Xms${HEAP_MB}m`, `-Xmx${HEAP_MB}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.security.manager=allow',
    // Without native calls it neither locks memory nor minds who runs it: a test's own server on the loopback.
    '-Djna.nounpack=true', '-Djna.nosys=true', '-Djna.boot.library.path=/nonexistent', `-Djava.io.tmpdir=${join(folder, 'tmp')}`,
    `-Dopensearch.path.home=${folder}`, `-Dopensearch.path.conf=${join(folder, 'config')}`, '-Dopensearch.distribution.type=tar', '-Dlog4j2.disable.jmx=true',
    '-cp', join(opensearch.folder, 'lib', '*'), 'org.opensearch.bootstrap.OpenSearch',
  ];
  const ready = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && !(await fetch(`${url}/_cluster/health`).then(({ ok }) => ok, () => false))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  };
  const start = () => keep({ name: 'opensearch', words, env: process.env, cwd: folder, ready }, { pids: join(folder, 'pids'), logs: join(folder, 'logs') }, quiet, new AbortController().signal);
  let kept = await start();
  return {
    url,
    kill: () => kept.stop(),
    async revive() {
      kept = await start();
    },
    async stop() {
      await kept.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;
