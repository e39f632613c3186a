import { fnv1a64 } from '#kit/base/hash.ts';

/**
 * What was told of one bucket since its last snapshot began: which run at which version, and the digest of it as
 * inventory computes it (proto: BucketDigest), the exclusive or of fnv1a64(`<run_id>:<version>`).
 */
export class BucketView {
  readonly #parts = new Map<string, bigint>();
  #digest = 0n;
  /** The snapshot is through: nothing of the bucket is unknown. */
  complete = false;

  /** The newest version of a run that was told. */
  note(run_id: string, version: bigint): void {
    const part = fnv1a64(`${run_id}:${version}`);
    this.#digest ^= (this.#parts.get(run_id) ?? 0n) ^ part;
    this.#parts.set(run_id, part);
  }

  has(run_id: string): boolean {
    return this.#parts.has(run_id);
  }

  get digest(): bigint {
    return this.#digest;
  }
}
