/** The image holds everything that its programs import (mesh/image/Dockerfile), and of packages only what the product depends on. */
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import test from 'ava';
import { copiedPaths } from '../../scripts/mesh/image.ts';
import { mainOf, migrationsOf, SERVICE_NAMES, UNIT_NAMES } from '../../scripts/stack/services.ts';
import { ROOT } from '../../scripts/tools/paths.ts';
import { podsOf, OVERLAYS, rendered } from './rendered.ts';

const dockerfile = readFileSync(join(ROOT, 'mesh', 'image', 'Dockerfile'), 'utf8');
const copied = copiedPaths(dockerfile);
const { dependencies, imports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string>; imports: Record<string, string> };
/** Not in a checkout: made by the build. */
const BUILT = ['node_modules', 'web/dist'];
/** Programs that people run in a pod, beside those that the manifests name. */
const BY_HAND = ['scripts/demo.ts', 'scripts/ops.ts'];

test('every path that the image copies is there', (t) => {
  t.deepEqual(copied.filter((path) => !BUILT.includes(path) && !existsSync(join(ROOT, path))), []);
});

test('what the programs of the manifests import is in the image, and every package is a dependency', async (t) => {
  const programs = (await Promise.all(OVERLAYS.map(async (overlay) => podsOf(await rendered(overlay))))).flat().flatMap(({ containers }) => containers.flatMap(({ args = [] }) => args.filter((word) => word.endsWith('.ts'))));
  // serve.ts and migrate.ts load these by name.
  const by_name = [...UNIT_NAMES.map(mainOf), ...SERVICE_NAMES.map(migrationsOf)].map((path) => relative(ROOT, path)).filter((path) => existsSync(join(ROOT, path)));
  const { files, packages } = reach([...programs, ...by_name, ...BY_HAND]);
  t.true(files.length > 200, `${files.length} files`);
  t.deepEqual(files.filter((file) => !existsSync(join(ROOT, file))), []);
  t.deepEqual(files.filter((file) => file.endsWith('.test.ts') || !copied.some((path) => file === path || file.startsWith(`${path}/`))), []);
  t.deepEqual(packages.filter((name) => !(name in dependencies)), []);
});

test('the image runs as nobody in particular, and names what it is made from by version', (t) => {
  t.regex(dockerfile, /^USER 10001:10001$/m);
  for (const [, image] of dockerfile.matchAll(/^ARG \w+=(\S+)$/gm)) t.regex(image!, /:\D*\d+\.\d+\.\d+/);
  const stages = new Set([...dockerfile.matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, name]) => name));
  for (const [, from] of dockerfile.matchAll(/^FROM (\S+)/gm)) t.true(from!.startsWith('${') || stages.has(from), from);
});

/** Every file of ours and every package that the files import, directly or not, types aside. */
function reach(from: readonly string[]): { files: string[]; packages: string[] } {
  const files = new Set<string>(from);
  const packages = new Set<string>();
  for (const file of files) {
    if (!file.endsWith('.ts') || !existsSync(join(ROOT, file))) continue;
    for (const specifier of importsOf(readFileSync(join(ROOT, file), 'utf8'))) {
      const own = ownFile(file, specifier);
      if (own !== undefined) files.add(own);
      else if (!specifier.startsWith('node:') && !builtinModules.includes(specifier)) packages.add(specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/'));
    }
  }
  return { files: [...files].toSorted(), packages: [...packages].toSorted() };
}

function importsOf(text: string): string[] {
  const statements = [...text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm)];
  return [...statements, ...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier]) => specifier!);
}

function ownFile(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier));
  const alias = Object.keys(imports).find((pattern) => specifier.startsWith(pattern.slice(0, -1)));
  return alias === undefined ? undefined : normalize(imports[alias]!.replace('*', specifier.slice(alias.length - 1)));
}
