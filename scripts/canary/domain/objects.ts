/** Objects of Kubernetes as far as a canary looks at them; whatever else they have is kept. */
export type Kind = 'Deployment' | 'Service' | 'VirtualService' | 'DestinationRule' | 'ConfigMap' | 'Pod';

export type Metadata = {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};

export type KubeObject = { apiVersion: string; kind: string; metadata: Metadata; [field: string]: unknown };

export type Destination = { destination: { host: string; subset?: string }; weight?: number; [field: string]: unknown };
export type Match = { headers?: Record<string, unknown>; [field: string]: unknown };
export type HttpRoute = { name?: string; match?: Match[]; route?: Destination[]; [field: string]: unknown };
export type VirtualService = KubeObject & { spec: { http?: HttpRoute[]; [field: string]: unknown } };

export type Subset = { name: string; labels: Record<string, string>; [field: string]: unknown };
export type DestinationRule = KubeObject & { spec: { host: string; subsets?: Subset[]; [field: string]: unknown } };

export type Container = { name: string; image?: string; env?: { name: string; value?: string; [field: string]: unknown }[]; [field: string]: unknown };
export type PodSpec = { containers: Container[]; initContainers?: Container[]; [field: string]: unknown };
export type Deployment = KubeObject & {
  spec: {
    replicas?: number;
    selector: { matchLabels?: Record<string, string>; [field: string]: unknown };
    template: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }; spec: PodSpec };
    [field: string]: unknown;
  };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; readyReplicas?: number; unavailableReplicas?: number };
};

export type Service = KubeObject & { spec: { selector?: Record<string, string>; [field: string]: unknown } };

/** The label by which the pods of both versions differ, and its values, which name the subsets too. */
export const TRACK = 'track';
export const STABLE = 'stable';
export const CANARY = 'canary';
/** The container of the service in its pods. */
export const CONTAINER = 'service';

export function canaryName(service: string): string {
  return `${service}-canary`;
}
