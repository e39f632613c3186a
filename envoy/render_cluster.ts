/** `node envoy/render_cluster.ts <file>`: the edge's configuration for a pod, from the pod's environment (envoy/cluster.ts). */
import { clusterCertificate, clusterValues } from './cluster.ts';
import { writeEdge } from './render.ts';

const file = process.argv[2];
if (file === undefined) throw new Error('render_cluster.ts wants the file to write');
writeEdge(file, clusterValues(process.env), clusterCertificate(process.env));
