/** Runs tests on a copy of the sources in which one piece of text was replaced. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTap } from '../../scripts/tap.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ROOT } from '../../scripts/tools/paths.ts';

/** `text` must stand exactly once in `file`: a guard that moved must move here too. */
export type Edit = { file: string; text: string; instead: string };

/** Tests by file and title. */
export type TestNames = readonly { file: string; title: string }[];

export type MutantRun = { passed: string[]; failed: string[]; /** What the run said, for whoever looks into it. */ output: string };

/** Copied, because Node knows a module by its real path: a link would lead back to the original. */
const COPIED = ['kit', 'services', 'test', 'scripts', 'timetable', 'sandbox', 'package.json', 'tsconfig.json', 'ava.config.js'];
const LINKED = ['node_modules', 'gen', '.tools'];
/** Ends a run that hangs; far longer than any takes. */
const RUN_WITHIN_MS = 180_000;
const OUTPUT_CHARS_MAX = 20_000;

/** The outcome of the tests with the edit, or without any. Throws when the text to replace isn't there exactly once. */
export async function runMutant(edit: Edit | undefined, tests: TestNames): Promise<MutantRun> {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-mutant-'));
  try {
    for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name));
    if (edit !== undefined) apply(folder, edit);
    return await runTests(folder, tests);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function apply(folder: string, { file, text, instead }: Edit): void {
  const path = join(folder, file);
  const before = readFileSync(path, 'utf8');
  const found = before.split(text).length - 1;
  if (found !== 1) throw new Error(`${file} has ${found} times: ${text}`);
  writeFileSync(path, before.replace(text, () => instead));
}

function runTests(folder: string, tests: TestNames): Promise<MutantRun> {
  const files = [...new Set(tests.map(({ file }) => file))];
  const titles = tests.flatMap(({ title }) => ['--match', title]);
  const ava = ['--import', join(folder, 'scripts', 'tap_repair.ts'), join(folder, 'node_modules', 'ava', 'entrypoints', 'cli.js'), '--tap', ...titles, ...files];
  const words = [...dieWithUs(), process.execPath, ...ava];
  // The servers of this run serve the copy too: they are named in the environment.
  const child = spawn(words[0]!, words.slice(1), { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), RUN_WITHIN_MS);
  const reader = readTap();
  const run: MutantRun = { passed: [], failed: [], output: '' };
  const note = (data: Buffer) => (run.output = `${run.output}${data.toString()}`.slice(-OUTPUT_CHARS_MAX));
  child.stdout.on('data', (data: Buffer) => {
    note(data);
    for (const event of reader.push(data.toString())) {
      if (event.kind === 'passed') run.passed.push(event.title);
      if (event.kind === 'failed') run.failed.push(event.title);
    }
  });
  child.stderr.on('data', note);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      resolve(run);
    });
  });
}
