/**
 * Keeps `package-lock.json` complete. A registry mirror may lack the builds for other platforms; npm then leaves them
 * out of the lock, and a later `npm ci` refuses the whole lock as out of step. Naming them here, without a checksum,
 * keeps one lock valid everywhere: npm skips a package whose platform does not match before it asks any registry.
 *
 * `node scripts/tools/lockfile.ts` completes the lock after a package was added; `npm run check` says when it must.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Entry = { version?: string; dev?: boolean; optional?: boolean; optionalDependencies?: Record<string, string>; [field: string]: unknown };
export type Lock = { packages: Record<string, Entry>; [field: string]: unknown };

/** The same lock with an entry for every optional package, and the names of those that were missing. */
export function completeLock(lock: Lock): { lock: Lock; added: string[] } {
  const packages = { ...lock.packages };
  const added: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (lookupPaths(path, name).some((candidate) => candidate in packages)) continue;
      packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(entry.dev ? { dev: true } : {}), optional: true };
      added.push(name);
    }
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return { lock: { ...lock, packages: Object.fromEntries(sorted) }, added };
}

/** Where Node looks for `name` when the package at `path` asks for it, nearest first. */
function lookupPaths(path: string, name: string): string[] {
  const paths: string[] = [];
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    paths.push(at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`);
    if (at === '') return paths;
  }
}

const SYSTEMS = ['linux', 'darwin', 'win32', 'freebsd', 'android', 'openharmony', 'aix', 'sunos'];
const PROCESSORS: Record<string, string> = {
  x64: 'x64', arm64: 'arm64', aarch64: 'arm64', arm: 'arm', armv7: 'arm', ia32: 'ia32', ppc64: 'ppc64', riscv64: 'riscv64',
  s390x: 's390x', loong64: 'loong64', wasm32: 'wasm32',
};

/** Platform packages carry their platform in the name, by a convention that all of those we use follow. */
function platformOf(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const words = name.split(/[-/]/);
  const os = words.filter((word) => SYSTEMS.includes(word));
  const cpu = words.flatMap((word) => PROCESSORS[word] ?? []);
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.some((word) => word.startsWith('gnu')) ? ['glibc'] : [];
  return { ...(os.length ? { os } : {}), ...(cpu.length ? { cpu } : {}), ...(libc.length ? { libc } : {}) };
}

/** Names of optional packages that the lock at `path` leaves out; with `write`, they are put in. */
export function checkLock(path: string, write: boolean): string[] {
  const text = readFileSync(path, 'utf8');
  const { lock, added } = completeLock(JSON.parse(text) as Lock);
  if (write && added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  return added;
}

if (import.meta.main) {
  const path = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  const added = checkLock(path, true);
  console.log(added.length === 0 ? 'package-lock.json is complete' : `added to package-lock.json: ${added.join(', ')}`);
}
