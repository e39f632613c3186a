/**
 * The images `app` and `edge` for the lab cluster, made without Docker from just what mesh/image/Dockerfile copies, on the
 * lab's Debian layer. Files stand in the archive in a fixed order, with no owner and no time: the same sources make the same image.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { step, type Say } from '../say.ts';
import { buildWeb } from '../stack/web.ts';
import { outputOf } from '../tools/command.ts';
import { ensureTools } from '../tools/index.ts';
import { ROOT, RUN } from '../tools/paths.ts';
import type { Cluster } from './cluster.ts';

export const APP_IMAGE = 'localhost/chunyun-app';
export const EDGE_IMAGE = 'localhost/chunyun-edge';

const DOCKERFILE = join(ROOT, 'mesh', 'image', 'Dockerfile');
const USER = '10001:10001';
const PACKAGES_MS = 300_000;
const LOAD_MS = 600_000;

export type ImageInput = {
  cluster: Cluster & { lab: string };
  /** Files of the image's /app in another version: for tests of a canary. */
  replace?: Readonly<Record<string, string>>;
  tell: Say;
};

/** Makes both images and loads them into the cluster's node unless it has them; their tag, which says what they are made of. */
export async function loadImages({ cluster, replace = {}, tell }: ImageInput): Promise<string> {
  const folder = join(RUN, 'mesh', 'image');
  await mkdir(folder, { recursive: true });
  await buildWeb(tell);
  const paths = copiedPaths(readFileSync(DOCKERFILE, 'utf8'));
  const tag = `lab-${fingerprint(paths, replace)}`;
  const node = await cluster.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].status.images[*].names}']);
  if (node.includes(`${APP_IMAGE}:${tag}`) && node.includes(`${EDGE_IMAGE}:${tag}`)) return tag;
  const stage = join(folder, `stage-${tag}`);
  await step(tell, `making the images (${tag})`, `正在制作镜像（${tag}）`, async () => {
    const modules = await productionModules(folder);
    await rm(stage, { recursive: true, force: true });
    for (const path of paths) await cp(path === 'node_modules' ? modules : join(ROOT, path), join(stage, 'app', path), { recursive: true, filter: (from) => !from.endsWith('.test.ts') });
    for (const [path, text] of Object.entries(replace)) writeFileSync(join(stage, 'app', path), text);
    await mkdir(join(stage, 'usr', 'local', 'bin'), { recursive: true });
    await cp(join(ROOT, 'node_modules', 'node', 'bin', 'node'), join(stage, 'usr', 'local', 'bin', 'node'));
    const layer = join(folder, `app-${tag}.tar`);
    await pack(stage, layer);
    const common = ['--workdir', '/app', '--user', USER, '--env', 'NODE_ENV=production', '--entrypoint', '["node"]'];
    const load = (name: string, words: string[]): Promise<string> => outputOf([cluster.lab, 'image', `${name}:${tag}`, '--layer', 'base', '--layer', layer, ...words, ...common], { deadline_ms: LOAD_MS, env: cluster.env });
    await load(APP_IMAGE, []);
    const { envoy } = await ensureTools(['envoy'], tell);
    await load(EDGE_IMAGE, ['--add', `${envoy.path}:/usr/local/bin/envoy`]);
    await rm(stage, { recursive: true, force: true });
    await rm(layer, { force: true });
  });
  return tag;
}

/** Of everything that the images are made of; packages by the file that pins them. */
function fingerprint(paths: readonly string[], replace: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256').update(JSON.stringify(replace));
  for (const path of ['package-lock.json', 'mesh/image/Dockerfile', ...paths.filter((one) => one !== 'node_modules')]) {
    const whole = join(ROOT, path);
    const files = statSync(whole).isDirectory() ? readdirSync(whole, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).toSorted() : [whole];
    for (const file of files) if (!file.endsWith('.test.ts')) hash.update(`${relative(ROOT, file)}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}

/** What the stage `app` of the Dockerfile copies out of the build. */
export function copiedPaths(dockerfile: string): string[] {
  const stage = /^FROM \S+ AS app$([\s\S]*?)^FROM /m.exec(dockerfile)?.[1] ?? '';
  const paths = [...stage.matchAll(/^COPY --from=build \/app\/(\S+) /gm)].map(([, path]) => path!);
  if (paths.length === 0) throw new Error('the Dockerfile has no stage `app` that copies anything');
  return paths;
}

/** The packages that the product runs on, installed once for each package-lock.json; Node itself stands elsewhere in the image. */
async function productionModules(folder: string): Promise<string> {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const home = join(folder, `packages-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`);
  const done = join(home, '.installed');
  if (existsSync(done)) return join(home, 'node_modules');
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) await cp(join(ROOT, name), join(home, name));
  await outputOf(['npm', 'ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: home, deadline_ms: PACKAGES_MS });
  for (const path of ['node', '.cache', '.bin/node']) await rm(join(home, 'node_modules', path), { recursive: true, force: true });
  writeFileSync(done, '');
  return join(home, 'node_modules');
}

async function pack(folder: string, to: string): Promise<void> {
  await outputOf(['tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX,u+w,go-w', '-C', folder, '-cf', to, ...readdirSync(folder).toSorted()]);
}
