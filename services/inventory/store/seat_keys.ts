// Names of keys. All keys of a bucket share its hash tag, so a Redis Cluster keeps them in one slot. `v2` is the format:
// the functions of another format never meet these keys; libraries of several versions may share one.

export function bucketKey(bucket: number): string {
  return `{b${bucket}}:v2:bucket`;
}

export function layoutKey(bucket: number, layout_hash: string): string {
  return `{b${bucket}}:v2:layout:${layout_hash}`;
}

/** State (with the records of holds) and seats of a run. */
export function runKeys({ bucket, run_id }: { bucket: number; run_id: string }): [state: string, bits: string] {
  return [`{b${bucket}}:v2:run:${run_id}:state`, `{b${bucket}}:v2:run:${run_id}:bits`];
}
