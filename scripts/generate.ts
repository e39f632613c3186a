/**
 * `npm run generate`: TypeScript and descriptors from the contracts, into gen/, and from those the edge's configuration and the mesh's policy.
 * The same contracts always give the same files.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { printError, step, say, words } from './say.ts';
import { outputOf } from './tools/command.ts';
import { NODE_BIN, ROOT } from './tools/paths.ts';

/** Generates into a folder, which is emptied first. */
export async function generate(into: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-gen-'));
  try {
    // The plugin's first line asks for `node`: ours comes first on the PATH, as it does under bootstrap.
    const env = { ...process.env, PATH: `${NODE_BIN}:${process.env.PATH ?? ''}` };
    await outputOf([join(NODE_BIN, 'buf'), 'generate', '--output', folder], { cwd: ROOT, env });
    const generated = join(folder, 'gen');
    mkdirSync(generated, { recursive: true });
    // The edge transcodes JSON by the descriptors of all contracts; without comments they are a third of the size.
    await outputOf([join(NODE_BIN, 'buf'), 'build', '--exclude-source-info', '--output', `${join(generated, 'descriptors.binpb')}#format=binpb`], { cwd: ROOT, env });
    rmSync(into, { recursive: true, force: true });
    cpSync(generated, into, { recursive: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files below gen/ that are not what the contracts give now, relative to gen/. */
export async function staleGenerated(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-gen-check-'));
  try {
    const fresh = join(folder, 'gen');
    await generate(fresh);
    const committed = join(ROOT, 'gen');
    const names = new Set([...filesBelow(fresh), ...filesBelow(committed)]);
    return [...names].filter((name) => contentOf(join(fresh, name)) !== contentOf(join(committed, name))).toSorted();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function contentOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'latin1') : undefined;
}

if (import.meta.main) {
  try {
    await step(say, 'generating gen/ from proto/', '正在由 proto/ 生成 gen/', async () => {
      await generate(join(ROOT, 'gen'));
      // A process of its own: it imports what was generated a moment ago.
      await outputOf([join(NODE_BIN, 'node'), join(ROOT, 'envoy', 'build.ts')], { cwd: ROOT });
      await outputOf([join(NODE_BIN, 'node'), join(ROOT, 'mesh', 'istio', 'build.ts')], { cwd: ROOT });
    });
    console.log(words(`gen/ holds ${filesBelow(join(ROOT, 'gen')).length} files`, `gen/ 共 ${filesBelow(join(ROOT, 'gen')).length} 个文件`));
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}
