// Names of keys. All keys of a bucket share its hash tag, so a Redis Cluster keeps them in one slot.

export function bucketKey(bucket: number): string {
  return `{b${bucket}}:bucket`;
}

export function layoutKey(bucket: number, layout_hash: string): string {
  return `{b${bucket}}:layout:${layout_hash}`;
}

/** State and holds of a run. */
export function runKeys({ bucket, run_id }: { bucket: number; run_id: string }): [state: string, holds: string] {
  return [`{b${bucket}}:run:${run_id}:state`, `{b${bucket}}:run:${run_id}:holds`];
}
