/**
 * `npm test`: installs what is needed, runs the checks, then every `*.test.ts` on one set of private servers, and ends
 * with one line, `N passed, N failed`, over all of it. `npm test -- kit/rpc` runs the tests below a folder (or of a file)
 * and no checks; `--match 'title*'` picks by title, `--verbose` names every test.
 */
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startInfra, testEnvironment, type TestInfra } from '../test/support/stack.ts';
import { runChecks, summaryLine, type Counts } from './check.ts';
import { printError, say, Told, words } from './say.ts';
import { readTap } from './tap.ts';
import { ensureTools } from './tools/index.ts';
import { NODE_BIN, ROOT } from './tools/paths.ts';

const HEARTBEAT_MS = 15_000;
/** Which parts of the shared data stand beside a checkout, and the variable by which tests find each. */
const BESIDE = { CHUNYUN_FEED: '../shared/data/china-hsr-gtfs.zip', CHUNYUN_KUBE_LAB: '../shared/kube-lab/kube-lab' };

type Options = { patterns: string[]; match: string[]; verbose: boolean; help: boolean };

async function main(): Promise<number> {
  const options = readOptions();
  if (options.help) {
    console.log(words('npm test [-- [folder or file …] [--match TITLE] [--verbose]]', 'npm test [-- [目录或文件 …] [--match 标题] [--verbose]]'));
    return 0;
  }
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort(signal));
  try {
    if (options.patterns.length === 0 && options.match.length === 0) add(counts, await runChecks());
    if (!interrupted.signal.aborted) add(counts, await runTests(options, interrupted.signal));
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
    options: { match: { type: 'string', multiple: true }, verbose: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  return { patterns: positionals.map(asPattern), match: values.match ?? [], verbose: values.verbose ?? false, help: values.help ?? false };
}

/** ava takes files and globs; a folder means what is below it. */
function asPattern(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? `${path.replace(/\/$/, '')}/**/*.test.ts` : path;
}

async function runTests(options: Options, signal: AbortSignal): Promise<Counts> {
  await ensureTools(['redis', 'mariadb', 'nats', 'envoy']);
  const browser = await browserFor();
  say('starting redis, mariadb and nats for the tests', '正在为测试启动 redis、mariadb、nats');
  const infra = await startInfra({ redis: true, mysql: true, nats: true, tell: say });
  try {
    return await runAva(options, { ...process.env, ...beside(), ...browser, ...testEnvironment(infra) }, signal);
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

function beside(): Record<string, string> {
  const found = Object.entries(BESIDE).map(([name, path]) => [name, process.env[name] ?? resolve(ROOT, path)] as const);
  return Object.fromEntries(found.filter(([, path]) => existsSync(path)));
}

function runAva(options: Options, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Counts> {
  const reader = readTap();
  const from_ms = performance.now();
  let latest = '';
  /** The failures once more at the end: in a long run nobody scrolls back, and of a long output often only the end is kept. */
  const failures: string[] = [];
  const args = ['--tap', ...options.match.flatMap((title) => ['--match', title]), ...options.patterns];
  // ava's workers stand in its group, so that one signal ends all of them.
  const ava = spawn(join(NODE_BIN, 'node'), ['--import', join(ROOT, 'scripts', 'tap_repair.ts'), join(ROOT, 'node_modules', 'ava', 'entrypoints', 'cli.js'), ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const end = (): void => {
    if (ava.pid === undefined) return;
    try {
      process.kill(-ava.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  signal.addEventListener('abort', end, { once: true });
  process.once('exit', end);
  const heartbeat = setInterval(() => say(`… ${summaryLine(reader.counts())} so far; last: ${latest}`, `……目前 ${summaryLine(reader.counts())}；最近：${latest}`), HEARTBEAT_MS);
  ava.stdout.on('data', (data: Buffer) => {
    for (const event of reader.push(data.toString())) {
      if (event.kind !== 'detail') latest = event.title;
      if (event.kind === 'failed') failures.push(`✘ ${event.title}`);
      if (event.kind === 'detail') failures.push(event.text);
      if (event.kind === 'detail') process.stderr.write(`${event.text}\n`);
      else if (event.kind === 'failed') say(`✘ ${event.title}`);
      else if (event.kind === 'skipped') say(`- ${event.title}: skipped`, `- ${event.title}：跳过`);
      else if (options.verbose) say(`✔ ${event.title}`);
    }
  });
  return new Promise((resolveCounts, reject) => {
    ava.once('error', reject);
    ava.once('close', (code) => {
      clearInterval(heartbeat);
      const counts = reader.counts();
      // A run that failed without naming a test (a file that can't be loaded, no test found) has failed all the same.
      if (code !== 0 && counts.failed === 0) {
        say(`✘ ava ended with exit code ${code} and named no failed test (are there tests by that name?)`, `✘ ava 以退出码 ${code} 结束，但没有报告失败的测试（是否有匹配的测试？）`);
        counts.failed++;
      }
      if (failures.length > 0) process.stderr.write(`\n${failures.join('\n')}\n`);
      say(`tests: ${summaryLine(counts)} (${((performance.now() - from_ms) / 1000).toFixed(1)} s)`, `测试：${summaryLine(counts)}（${((performance.now() - from_ms) / 1000).toFixed(1)} s）`);
      resolveCounts(counts);
    });
  });
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
