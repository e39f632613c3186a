/**
 * `npm test`: installs what is needed, runs the checks, then every `*.test.ts` on one set of private servers, and ends
 * with one line, `N passed, N failed`, over all of it. `npm test -- kit/rpc` runs the tests below a folder (or of a file)
 * and no checks; `--match 'title*'` picks by title, `--verbose` names every test, `--mesh` goes on with the tests of the
 * mesh, on a lab cluster of its own, when all others have passed.
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startInfra, testEnvironment, type TestInfra } from '../test/support/stack.ts';
import { runChecks, summaryLine, type Counts } from './check.ts';
import { testOnMesh } from './mesh/trial.ts';
import { runAva } from './run_ava.ts';
import { printError, say, Told, words } from './say.ts';
import { ensureTools } from './tools/index.ts';
import { ROOT } from './tools/paths.ts';

/** Which parts of the shared data stand beside a checkout, and the variable by which tests find each. */
const BESIDE = { CHUNYUN_FEED: '../shared/data/china-hsr-gtfs.zip', CHUNYUN_KUBE_LAB: '../shared/kube-lab/kube-lab' };

type Options = { patterns: string[]; match: string[]; verbose: boolean; mesh: boolean; help: boolean };

async function main(): Promise<number> {
  const options = readOptions();
  if (options.help) {
    console.log(words('npm test [-- [folder or file …] [--match TITLE] [--verbose] [--mesh]]', 'npm test [-- [目录或文件 …] [--match 标题] [--verbose] [--mesh]]'));
    return 0;
  }
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort(signal));
  try {
    if (options.patterns.length === 0 && options.match.length === 0) add(counts, await runChecks());
    if (!interrupted.signal.aborted) add(counts, await runTests(options, interrupted.signal));
    if (options.mesh && counts.failed === 0 && !interrupted.signal.aborted) add(counts, await testOnMesh(interrupted.signal));
  } catch (error) {
    printError(error);
    counts.failed++;
  }
  if (interrupted.signal.aborted) {
    say('interrupted', '已中断');
    return 130;
  }
  console.log(`\n${summaryLine(counts)}`);
  return counts.failed > 0 ? 1 : 0;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { match: { type: 'string', multiple: true }, verbose: { type: 'boolean' }, mesh: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  return { patterns: positionals.map(asPattern), match: values.match ?? [], verbose: values.verbose ?? false, mesh: values.mesh ?? false, help: values.help ?? false };
}

/** ava takes files and globs; a folder means what is below it. */
function asPattern(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? `${path.replace(/\/$/, '')}/**/*.test.ts` : path;
}

async function runTests(options: Options, signal: AbortSignal): Promise<Counts> {
  await ensureTools(['redis', 'mariadb', 'nats', 'envoy']);
  const browser = await browserFor();
  const search = await searchIndexFor();
  say('starting redis, mariadb and nats for the tests', '正在为测试启动 redis、mariadb、nats');
  const infra = await startInfra({ redis: true, mysql: true, nats: true, tell: say });
  try {
    return await runAva(options, { ...process.env, ...beside(), ...browser, ...search, ...testEnvironment(infra) }, signal);
  } finally {
    await stopQuietly(infra);
  }
}

/** A browser where there are tests that drive one; on a machine that can't have it those tests say skipped. */
async function browserFor(): Promise<Record<string, string>> {
  if (!existsSync(join(ROOT, 'test', 'e2e'))) return {};
  try {
    const { chromium } = await ensureTools(['chromium']);
    return { CHUNYUN_CHROMIUM: chromium.path };
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    say(`no browser, so its tests are skipped. ${error.message}`, `没有浏览器，相关测试将跳过。${error.message}`);
    return {};
  }
}

/** A search index for the tests of it; on a machine that can't have one they say skipped. */
async function searchIndexFor(): Promise<Record<string, string>> {
  try {
    const { opensearch } = await ensureTools(['opensearch']);
    return { CHUNYUN_OPENSEARCH: opensearch.version };
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    say(`no OpenSearch, so its tests are skipped. ${error.message}`, `没有 OpenSearch，相关测试将跳过。${error.message}`);
    return {};
  }
}

function beside(): Record<string, string> {
  const found = Object.entries(BESIDE).map(([name, path]) => [name, process.env[name] ?? resolve(ROOT, path)] as const);
  return Object.fromEntries(found.filter(([, path]) => existsSync(path)));
}

async function stopQuietly(infra: TestInfra): Promise<void> {
  await infra.stop().catch((error: unknown) => printError(error));
}

function add(total: Counts, part: Counts): void {
  total.passed += part.passed;
  total.failed += part.failed;
  total.skipped += part.skipped;
}

process.exitCode = await main();
