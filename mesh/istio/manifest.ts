import { stringify } from 'yaml';

/** The namespace of the services and the edge. */
export const NAMESPACE = 'chunyun';

/** A Kubernetes document, as far as we write any. */
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: Readonly<Record<string, unknown>>;
};

const API = {
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  VirtualService: 'networking.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  Telemetry: 'telemetry.istio.io/v1',
} as const;

export function manifest(kind: keyof typeof API, name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return { apiVersion: API[kind], kind, metadata: { name, namespace: NAMESPACE, labels: { 'app.kubernetes.io/part-of': 'chunyun' } }, spec };
}

/** The DNS name by which a service of ours is called, in full: a short one means another service in another namespace. */
export function hostOf(service: string): string {
  return `${service}.${NAMESPACE}.svc.cluster.local`;
}

/** What a workload's certificate says. `cluster.local` stands for the mesh's own trust domain, whatever it is called. */
export function principalOf(service_account: string, namespace: string = NAMESPACE): string {
  return `cluster.local/ns/${namespace}/sa/${service_account}`;
}

/** `0.9s`, as durations are written. */
export function seconds(ms: number): string {
  return `${ms / 1000}s`;
}

const HEADER = '# Made by `npm run generate` (mesh/istio/build.ts): edit there.\n';

/** The text of a file with these documents; the same documents give the same bytes. */
export function yamlOf(documents: readonly object[]): string {
  return HEADER + documents.map((document) => stringify(document, { lineWidth: 160, aliasDuplicateObjects: false })).join('---\n');
}
