import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const ROOT = new URL('../../', import.meta.url).pathname;

/** A file of the project as it is now, whether committed yet or not. */
export type Source = { path: string; text: string; imports: string[] };

/** Files git tracks or would track, so that a build's leavings never count. */
export function trackedFiles(): string[] {
  const out = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(out.split('\n'))].filter((path) => path !== '');
}

/** Every TypeScript source that people write, with what it imports. */
export function typescriptSources(): Source[] {
  const sources: Source[] = [];
  for (const path of trackedFiles()) {
    if (!/\.tsx?$/.test(path) || path.startsWith('gen/')) continue;
    const text = readOrUndefined(path);
    if (text !== undefined) sources.push({ path, text, imports: importsOf(text) });
  }
  return sources;
}

/** Undefined for a file that is deleted but not yet committed so. */
export function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(`${ROOT}${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

const IMPORT = /^\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT), ...text.matchAll(DYNAMIC_IMPORT)].map((match) => match[1]!);
}

export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || path.startsWith('test/') || path.includes('/testing/');
}
