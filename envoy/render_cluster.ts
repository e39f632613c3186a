/** `node envoy/render_cluster.ts <file>`: the edge's configuration for a pod, from the pod's environment (envoy/cluster.ts). */
import { writeFileSync } from 'node:fs';
import { clusterValues } from './cluster.ts';
import { renderEdge } from './render.ts';

const file = process.argv[2];
if (file === undefined) throw new Error('render_cluster.ts wants the file to write');
writeFileSync(file, renderEdge(clusterValues(process.env)));
