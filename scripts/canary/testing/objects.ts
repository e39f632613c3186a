import type { Deployment, DestinationRule, KubeObject, Service, VirtualService } from '../domain/objects.ts';

/** What a service has in the cluster before a canary of it: two routes, one of which matches a method. */
export function serviceObjects(service: string, image: string): KubeObject[] {
  const host = `${service}.chunyun.svc.cluster.local`;
  const labels = { app: service, 'app.kubernetes.io/part-of': 'chunyun' };
  const deployment: Deployment = {
    apiVersion: 'apps/v1', kind: 'Deployment',
    metadata: { name: service, labels: { ...labels, track: 'stable' }, annotations: { 'deployment.kubernetes.io/revision': '3' } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: service, track: 'stable' } },
      template: {
        metadata: { labels: { ...labels, track: 'stable' } },
        spec: {
          initContainers: [{ name: 'migrated', image }],
          containers: [{ name: 'service', image, env: [{ name: 'LOG_LEVEL', value: 'info' }], ports: [{ containerPort: 9000 }] }, { name: 'other', image: 'other:1' }],
        },
      },
    },
  };
  const kept: Service = { apiVersion: 'v1', kind: 'Service', metadata: { name: service, labels }, spec: { selector: { app: service }, ports: [{ name: 'grpc', port: 9000 }] } };
  const stable = { destination: { host, subset: 'stable' }, weight: 100 };
  const routes: VirtualService = {
    apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: service },
    spec: {
      hosts: [host],
      http: [
        { name: 'watch', match: [{ uri: { exact: '/rail.order.v1.OrderService/WatchQueue' } }], timeout: '3600s', route: [stable] },
        { name: 'rest', timeout: '3s', route: [stable] },
      ],
    },
  };
  const rule: DestinationRule = {
    apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: service },
    spec: { host, trafficPolicy: { connectionPool: { http: { http2MaxRequests: 100 } } }, subsets: [{ name: 'stable', labels: { track: 'stable' } }] },
  };
  return [deployment, kept, routes, rule];
}
