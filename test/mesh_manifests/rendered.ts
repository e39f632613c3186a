/** Overlays of mesh/k8s as they would be applied, and the pods in them. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { quiet } from '../../scripts/say.ts';
import { outputOf } from '../../scripts/tools/command.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { ROOT } from '../../scripts/tools/paths.ts';

export const OVERLAYS = ['lab', 'minimal', 'production'] as const;
export type OverlayName = (typeof OVERLAYS)[number];

/** What the tests look at; other fields are there as well. */
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  rules?: Array<Record<string, string[]>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest is what the YAML says
  spec?: any;
};

export type Container = {
  name: string;
  image: string;
  args?: string[];
  command?: string[];
  env?: Array<{ name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string } } }>;
  envFrom?: Array<{ configMapRef?: { name: string }; secretRef?: { name: string } }>;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  securityContext?: Record<string, unknown>;
  volumeMounts?: Array<{ name: string; mountPath: string }>;
  startupProbe?: object;
  readinessProbe?: object;
  livenessProbe?: object;
  lifecycle?: { preStop?: { sleep?: { seconds: number }; exec?: { command: string[] } } };
};

export type Pod = {
  /** `Deployment order`. */
  of: string;
  kind: string;
  name: string;
  namespace: string;
  labels: Record<string, string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest is what the YAML says
  spec: any;
  containers: Container[];
};

const kept = new Map<string, Promise<Manifest[]>>();

/** The manifests of an overlay, or of a folder below mesh/. */
export function rendered(overlay: string): Promise<Manifest[]> {
  const folder = (OVERLAYS as readonly string[]).includes(overlay) ? `k8s/overlays/${overlay}` : overlay;
  const known = kept.get(folder);
  if (known !== undefined) return known;
  const render = (async () => {
    const { kustomize } = await ensureTools(['kustomize'], quiet);
    const text = await outputOf([kustomize.path, 'build', join(ROOT, 'mesh', folder)]);
    return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  })();
  kept.set(folder, render);
  return render;
}

/** Every pod that the manifests make, with init containers among its containers. */
export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const template = kind === 'CronJob' ? spec.jobTemplate.spec.template : ['Deployment', 'StatefulSet', 'Job'].includes(kind) ? spec.template : undefined;
    if (template === undefined) return [];
    const { initContainers = [], containers } = template.spec as { initContainers?: Container[]; containers: Container[] };
    return [{ of: `${kind} ${metadata.name}`, kind, name: metadata.name, namespace: metadata.namespace ?? '', labels: template.metadata.labels, spec: template.spec, containers: [...initContainers, ...containers] }];
  });
}

/** The Secrets and ConfigMaps that a pod cannot start without. */
export function needsOf({ spec, containers }: Pod): { secrets: string[]; configs: string[] } {
  const secrets = new Set<string>();
  const configs = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => void (name !== undefined && set.add(name));
  for (const { env = [], envFrom = [] } of containers) {
    for (const { valueFrom } of env) add(secrets, valueFrom?.secretKeyRef?.name);
    for (const { secretRef, configMapRef } of envFrom) {
      add(secrets, secretRef?.name);
      add(configs, configMapRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    add(secrets, volume.secret?.secretName);
    add(configs, volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) {
      add(secrets, source.secret?.name);
      add(configs, source.configMap?.name);
    }
  }
  return { secrets: [...secrets].toSorted(), configs: [...configs].toSorted() };
}

/** Whether a selector of labels picks them. */
export function selects(selector: { matchLabels?: Record<string, string>; matchExpressions?: Array<{ key: string; operator: string; values: string[] }> }, labels: Record<string, string>): boolean {
  const by_labels = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return by_labels && (selector.matchExpressions ?? []).every(({ key, values }) => labels[key] !== undefined && values.includes(labels[key]));
}
