/** A folder under `.tools/` appears whole or not at all. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TOOLS } from './paths.ts';

/**
 * Fills a temporary folder beside `folder` by `fill`, then renames it into place. An earlier try that was cut short
 * has left only a temporary folder, which goes first. Call it under the tools lock.
 */
export async function place(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const parent = dirname(folder);
  const prefix = `${basename(folder)}.part-`;
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  const temporary = mkdtempSync(join(parent, prefix));
  try {
    await fill(temporary);
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Folders of a tool under `.tools/`, newest name last: `redis-7.0.15` for `redis`. */
export function placed(tool: string): string[] {
  try {
    return readdirSync(TOOLS).filter((name) => name.startsWith(`${tool}-`) && !name.includes('.part-')).toSorted().map((name) => join(TOOLS, name));
  } catch {
    return [];
  }
}
