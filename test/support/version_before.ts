/** The version that others run while this one comes to them: its sources in a folder of their own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.ts';

export type VersionBefore = { root: string; remove(): void };

const PARTS = ['kit', 'services', 'sandbox', 'scripts', 'timetable', 'envoy', 'gen', 'package.json'];

/** As `npm run check` compares contracts: what differs here from the published branch, else from the commit before; undefined where git knows of neither. */
export function commitBefore(): string | undefined {
  const git = (...args: string[]): string | undefined => {
    try {
      return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined;
    }
  };
  const [head, fork] = [git('rev-parse', 'HEAD'), git('merge-base', 'HEAD', 'origin/main')];
  return fork !== undefined && fork !== head ? fork : git('rev-parse', '--verify', 'HEAD~1');
}

/** Its packages are those of this version. */
export function layVersion(commit: string): VersionBefore {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-before-'));
  const [root, sources] = [join(folder, 'root'), join(folder, 'sources.tar')];
  execFileSync('git', ['archive', '--output', sources, commit, ...PARTS], { cwd: ROOT });
  mkdirSync(root);
  execFileSync('tar', ['-xf', sources, '-C', root]);
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return { root, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
