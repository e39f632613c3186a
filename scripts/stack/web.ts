/** The browser client: built when its sources changed since the last time. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../tools/command.ts';
import { lockFile } from '../tools/filelock.ts';
import { NODE_BIN, ROOT, TOOLS } from '../tools/paths.ts';
import { step, type Say } from '../say.ts';

const WEB = join(ROOT, 'web');
export const WEB_DIST = join(WEB, 'dist');
const STAMP = join(WEB_DIST, '.built-from');

/** Builds web/dist unless it was made from just these files. Several stacks of a checkout share it. */
export async function buildWeb(tell: Say): Promise<void> {
  const lock = await lockFile(join(TOOLS, 'web.lock'), { wait: true });
  try {
    const sources = fingerprint();
    if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sources) return;
    await step(tell, 'building the web page', '正在构建网页', async () => {
      await outputOf([join(NODE_BIN, 'node'), join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', join(WEB, 'vite.config.ts'), '--logLevel', 'warn'], { cwd: ROOT });
    });
    writeFileSync(STAMP, sources);
  } finally {
    lock?.release();
  }
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
