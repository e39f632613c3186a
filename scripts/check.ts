/** `npm run check`: types, lint, contracts and what is generated from them, in seconds. Also the first part of `npm test`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { staleGenerated } from './generate.ts';
import { printError, say, words, type Say } from './say.ts';
import { outcomeOf } from './tools/command.ts';
import { checkLock } from './tools/lockfile.ts';
import { NODE_BIN, ROOT } from './tools/paths.ts';

export type Counts = { passed: number; failed: number; skipped: number };

/** '' when all is well, the reason when not; undefined when there was nothing to check. */
type Finding = string | undefined;
type Check = { name: string; name_zh: string; run: () => Promise<Finding> };

const CHECKS: readonly Check[] = [
  { name: 'package-lock.json names every platform', name_zh: 'package-lock.json 涵盖所有平台', run: lockIsComplete },
  { name: 'types (tsc)', name_zh: '类型检查（tsc）', run: () => program('tsc', ['--noEmit']) },
  { name: 'lint (oxlint, type-aware)', name_zh: '代码检查（oxlint）', run: () => program('oxlint', ['--type-aware', '--quiet']) },
  { name: 'contracts follow the standard (buf lint)', name_zh: '契约规范（buf lint）', run: () => onContracts(() => program('buf', ['lint'])) },
  { name: 'contracts are unbroken (buf breaking)', name_zh: '契约兼容（buf breaking）', run: () => onContracts(contractsUnbroken) },
  { name: 'gen/ is what the contracts say', name_zh: 'gen/ 与契约一致', run: () => onContracts(generatedIsFresh) },
];

/** Runs every check, says what each found, and counts them like tests. */
export async function runChecks(tell: Say = say): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const check of CHECKS) {
    const from_ms = performance.now();
    const finding = await check.run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    const took = `${((performance.now() - from_ms) / 1000).toFixed(1)} s`;
    if (finding === undefined) {
      counts.skipped++;
      tell(`- ${check.name}: skipped, nothing to compare`, `- ${check.name_zh}：跳过，无可比较`);
    } else if (finding === '') {
      counts.passed++;
      tell(`✔ ${check.name} (${took})`, `✔ ${check.name_zh}（${took}）`);
    } else {
      counts.failed++;
      tell(`✘ ${check.name} (${took})\n${finding}`, `✘ ${check.name_zh}（${took}）\n${finding}`);
    }
  }
  return counts;
}

/** The line by which a run is judged, alone on its line. */
export function summaryLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`;
}

async function program(name: string, args: readonly string[]): Promise<Finding> {
  const env = { ...process.env, PATH: `${NODE_BIN}:${process.env.PATH ?? ''}` };
  const { code, stdout, stderr } = await outcomeOf([join(NODE_BIN, name), ...args], { cwd: ROOT, env });
  return code === 0 ? '' : `${stdout}${stderr}`.trimEnd() || `exit code ${code}`;
}

async function lockIsComplete(): Promise<Finding> {
  const missing = checkLock(join(ROOT, 'package-lock.json'), false);
  return missing.length === 0 ? '' : `missing: ${missing.join(', ')}\nnpm ci refuses such a lock. Run: node_modules/.bin/node scripts/tools/lockfile.ts`;
}

/** Before there are contracts there is nothing to check. */
async function onContracts(run: () => Promise<Finding>): Promise<Finding> {
  const present = existsSync(join(ROOT, 'proto')) && readdirSync(join(ROOT, 'proto'), { recursive: true }).some((name) => String(name).endsWith('.proto'));
  return present ? run() : undefined;
}

async function generatedIsFresh(): Promise<Finding> {
  const stale = await staleGenerated();
  return stale.length === 0 ? '' : `differ: ${stale.slice(0, 20).join(', ')}${stale.length > 20 ? ` and ${stale.length - 20} more` : ''}\nRun: npm run generate`;
}

/**
 * Compares with the last commit that others have: where we left the published branch, else the commit before this one.
 * A commit whose message has a line `Breaking-Contract: <why>` may break them.
 */
async function contractsUnbroken(): Promise<Finding> {
  const head = await git('rev-parse', 'HEAD');
  const fork = await git('merge-base', 'HEAD', 'origin/main');
  const dirty = await git('status', '--porcelain', '--', 'proto');
  const base = dirty ? head : fork && fork !== head ? fork : await git('rev-parse', '--verify', 'HEAD~1');
  if (!base || !(await git('ls-tree', '-r', '--name-only', base, 'proto'))?.includes('.proto')) return undefined;
  const excuse = await git('log', '--format=%(trailers:key=Breaking-Contract,valueonly)', `${base}..HEAD`);
  const found = await program('buf', ['breaking', '--against', `.git#ref=${base}`]);
  if (found && excuse?.trim()) {
    say(words(`  breaking, and said so: ${excuse.trim()}`, `  有不兼容改动，提交已说明：${excuse.trim()}`));
    return '';
  }
  return found;
}

/** What git prints, trimmed; undefined when it fails (no such commit, not a repository). */
async function git(...args: string[]): Promise<string | undefined> {
  const { code, stdout } = await outcomeOf(['git', ...args], { cwd: ROOT });
  return code === 0 ? stdout.trim() : undefined;
}

if (import.meta.main) {
  try {
    const counts = await runChecks();
    console.log(summaryLine(counts));
    if (counts.failed > 0) process.exitCode = 1;
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}
