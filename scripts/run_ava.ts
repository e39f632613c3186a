/** Runs ava in a process of its own and tells what it finds as it goes; all tests of the project are run by it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { summaryLine, type Counts } from './check.ts';
import { say } from './say.ts';
import { readTap } from './tap.ts';
import { NODE_BIN, ROOT } from './tools/paths.ts';

const HEARTBEAT_MS = 15_000;

export type AvaOptions = { patterns: readonly string[]; match: readonly string[]; verbose: boolean; /** Beside package.json; ava.config.js by default. */ config?: string };

/** Resolves with the counts when all tests have ended; a signal ends them at once. */
export function runAva(options: AvaOptions, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Counts> {
  const reader = readTap();
  const from_ms = performance.now();
  let latest = '';
  /** The failures once more at the end: in a long run nobody scrolls back, and of a long output often only the end is kept. */
  const failures: string[] = [];
  const args = ['--tap', ...(options.config === undefined ? [] : ['--config', options.config]), ...options.match.flatMap((title) => ['--match', title]), ...options.patterns];
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
