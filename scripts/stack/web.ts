/** The browser client: built when its sources changed since the last time. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf } from '../tools/command.ts';
import { lockFile } from '../tools/filelock.ts';
import { NODE_BIN, ROOT, TOOLS } from '../tools/paths.ts';
import { step, type Say } from '../say.ts';

const WEB = join(ROOT, 'web');
const WEB_DIST = join(WEB, 'dist');
const STAMP = join(WEB_DIST, '.built-from');

/** Builds web/dist unless it was made from just these files, and returns where it is. Several stacks of a checkout share it. */
export async function buildWeb(tell: Say): Promise<string> {
  const lock = await lockFile(join(TOOLS, 'web.lock'), { wait: true });
  try {
    const sources = fingerprint();
    if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources) return WEB_DIST;
    await step(tell, 'building the web page', '正在构建网页', async () => {
      await outputOf([join(NODE_BIN, 'node'), join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', join(WEB, 'vite.config.ts'), '--logLevel', 'warn'], { cwd: ROOT });
    });
    writeFileSync(STAMP, sources);
    return WEB_DIST;
  } finally {
    await lock?.release();
  }
}

/** A page with nothing on it, for stacks whose clients are programs. */
export async function emptyWeb(folder: string): Promise<string> {
  await mkdir(join(folder, 'assets'), { recursive: true });
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Chunyun</title>\n');
  await writeFile(join(folder, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>\n');
  return folder;
}

/** Name, size and time of everything the page is made of; contents would take longer than they are worth. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of [WEB, join(ROOT, 'gen')]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || path.startsWith(WEB_DIST)) continue;
      const { size, mtimeMs } = statSync(path);
      hash.update(`${path}\0${size}\0${mtimeMs}\n`);
    }
  }
  return hash.update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');
}
