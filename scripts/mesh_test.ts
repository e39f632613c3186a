/**
 * `npm run mesh:test`: the promises of the mesh, on the cluster where `npm run mesh:up` started the product. Ends with the
 * line `N passed, N failed`.
 */
import { parseArgs } from 'node:util';
import { summaryLine } from './check.ts';
import { findCluster } from './mesh/cluster.ts';
import { runAva } from './run_ava.ts';
import { printError, Told, words } from './say.ts';

const HELP = words(
  'npm run mesh:test [-- [file …] [--match TITLE] [--verbose]]   tests the mesh on the cluster that npm run mesh:up filled; files are those of test/mesh',
  'npm run mesh:test [-- [文件 …] [--match 标题] [--verbose]]   在 npm run mesh:up 启动的集群上测试网格；文件位于 test/mesh',
);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { match: { type: 'string', multiple: true }, verbose: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  const cluster = await findCluster();
  if (cluster === undefined) throw new Told('No cluster answers; start one with npm run mesh:up.', '没有可用的集群；请先执行 npm run mesh:up。');
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort(signal));
  const counts = await runAva({ patterns: positionals, match: values.match ?? [], verbose: values.verbose ?? true, config: 'ava.mesh.config.js' }, { ...cluster.env }, interrupted.signal);
  if (interrupted.signal.aborted) return 130;
  console.log(`\n${summaryLine(counts)}`);
  return counts.failed > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
