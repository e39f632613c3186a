import { posix } from 'node:path';
import { isTest, type Source } from './sources.ts';

/** What a layer of a service may import from the same service. `main.ts` may import everything. */
const MAY_IMPORT: Record<string, string[]> = {
  domain: ['domain'],
  app: ['app', 'domain'],
  rpc: ['rpc', 'app', 'domain'],
  events: ['events', 'app', 'domain'],
  store: ['store', 'app', 'domain'],
};

/** Libraries that reach a store stop at the layer that owns stores. */
const STORE_LIBRARIES = /^(@mikro-orm\/|mysql2|ioredis)/;

/** Names every way in which a source breaks the dependency rule of docs/ARCHITECTURE.md. */
export function layerViolations(source: Source): string[] {
  if (isTest(source.path)) return [];
  const violations: string[] = [];
  for (const specifier of source.imports) {
    const why = service(source.path, specifier) ?? contracts(source.path, specifier) ?? stores(source.path, specifier) ?? base(source.path, specifier);
    if (why !== undefined) violations.push(`${source.path} imports ${specifier}: ${why}`);
  }
  return violations;
}

function service(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const from = place(path);
  const to = place(target);
  if (to === undefined) return from !== undefined && /^(scripts|test|web|sandbox)\//.test(target) ? 'a service stands by itself' : undefined;
  if (from === undefined) return isWiring(path) ? undefined : 'only wiring reaches into a service';
  if (from.service !== to.service) return 'a service imports no other service; it calls its generated client';
  const allowed = MAY_IMPORT[from.layer];
  if (allowed !== undefined && to.layer in MAY_IMPORT && !allowed.includes(to.layer)) return `${from.layer} may not know ${to.layer}`;
  if (allowed !== undefined && to.layer === 'main') return 'main is the wiring and is imported by nobody inside';
  return undefined;
}

function contracts(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('#gen/')) return undefined;
  const layer = place(path)?.layer;
  if (layer === 'domain' || layer === 'app' || layer === 'store') return 'contracts stop at rpc and events';
  return path.startsWith('kit/base/') || path.startsWith('timetable/') ? 'pure code knows no contract' : undefined;
}

function stores(path: string, specifier: string): string | undefined {
  if (!STORE_LIBRARIES.test(specifier)) return undefined;
  const allowed = place(path)?.layer === 'store' || /^(kit\/store|scripts)\//.test(path);
  return allowed ? undefined : 'ORM, SQL and Redis stop at store';
}

function base(path: string, specifier: string): string | undefined {
  if (path.startsWith('kit/base/') && !specifier.startsWith('./')) return 'kit/base is pure and imports nothing';
  const layer = place(path)?.layer;
  if (layer !== 'domain' || specifier.startsWith('.')) return undefined;
  return specifier.startsWith('#kit/base/') || specifier === 'node:crypto' ? undefined : 'domain knows only kit/base and itself';
}

function place(path: string): { service: string; layer: string } | undefined {
  const match = /^services\/([^/]+)\/([^/]+)/.exec(path);
  return match === null ? undefined : { service: match[1]!, layer: match[2]!.replace(/\.ts$/, '') };
}

/** The local stack starts services and applies their migrations. */
function isWiring(path: string): boolean {
  return path.startsWith('scripts/');
}
