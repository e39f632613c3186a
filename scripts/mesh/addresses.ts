/** Where a lab cluster is entered; what its certificate is for (secrets.ts). */
export const EDGE_URL = 'https://edge.chunyun.svc.cluster.local';
