import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { calls } from '../calls.ts';
import { picture } from '../picture.ts';
import { accessTokens, mutualTls } from './authentication.ts';
import { authorization } from './authorization.ts';
import { destinations } from './destinations.ts';
import { stores, systems } from './egress.ts';
import { NAMESPACE, yamlOf, type Manifest } from './manifest.ts';
import { LAB, MINIMAL, PRODUCTION, type Place } from './places.ts';
import { routes } from './routes.ts';
import { sidecars } from './sidecars.ts';
import { logs, logsAndTraces } from './telemetry.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** Documents of the base, by file. */
export function base(): Record<string, Manifest[]> {
  const table = calls();
  return {
    'authentication.yaml': [mutualTls()],
    'authorization.yaml': authorization(table),
    'destinations.yaml': destinations(),
    'routes.yaml': routes(table),
  };
}

/** What depends on where stores and systems of others are, by file. */
export function overlay(place: Place): Record<string, Manifest[]> {
  return { 'sidecars.yaml': sidecars(calls(), place), 'stores.yaml': stores(place), 'outside.yaml': systems(place) };
}

/** Every generated file of the mesh, by its path in the repository; the same contracts give the same bytes. */
export function meshFiles(): Record<string, string> {
  const lab = { ...overlay(LAB), 'telemetry.yaml': [logs()] };
  const minimal = { ...overlay(MINIMAL), 'telemetry.yaml': [logs()], 'access-tokens.yaml': [accessTokens('from identity')] };
  const production = { ...overlay(PRODUCTION), 'telemetry.yaml': [logsAndTraces()], 'access-tokens.yaml': [accessTokens('from identity')] };
  return {
    'docs/CALLS.md': picture(calls()),
    ...filesOf('mesh/istio/base', base()),
    ...filesOf('mesh/istio/overlays/lab', lab, ['../../base']),
    ...filesOf('mesh/istio/overlays/minimal', minimal, ['../../base']),
    ...filesOf('mesh/istio/overlays/production', production, ['../../base']),
  };
}

function filesOf(folder: string, documents: Record<string, Manifest[]>, resources: readonly string[] = []): Record<string, string> {
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', namespace: NAMESPACE, resources: [...resources, ...Object.keys(documents)] };
  const files = { ...Object.fromEntries(Object.entries(documents).map(([name, list]) => [name, yamlOf(list)])), 'kustomization.yaml': yamlOf([kustomization]) };
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
}

export function buildMesh(): void {
  for (const [path, text] of Object.entries(meshFiles())) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
}

if (import.meta.main) buildMesh();
