/** Leases as kit/store/lease.ts keeps them: the term grows with each owner and fences whoever had it before. */
import type { Lease } from '#kit/store/lease.ts';

export class Leases {
  readonly #rows = new Map<string, { owner: string; term: bigint; expires_ms: number }>();

  acquire(name: string, owner: string, ttl_ms: number, now_ms: number): Lease | undefined {
    const row = this.#rows.get(name);
    if (row !== undefined && row.expires_ms > now_ms) return undefined;
    const term = (row?.term ?? 0n) + 1n;
    this.#rows.set(name, { owner, term, expires_ms: now_ms + ttl_ms });
    return { name, owner, term };
  }

  renew(lease: Lease, ttl_ms: number, now_ms: number): boolean {
    if (!this.held(lease, now_ms)) return false;
    this.#rows.set(lease.name, { owner: lease.owner, term: lease.term, expires_ms: now_ms + ttl_ms });
    return true;
  }

  release(lease: Lease, now_ms: number): void {
    if (this.held(lease, now_ms)) this.#rows.get(lease.name)!.expires_ms = now_ms;
  }

  held({ name, owner, term }: Lease, now_ms: number): boolean {
    const row = this.#rows.get(name);
    return row !== undefined && row.owner === owner && row.term === term && row.expires_ms > now_ms;
  }

  /** Somebody ends it under its owner's feet. */
  expire(name: string): void {
    const row = this.#rows.get(name);
    if (row !== undefined) row.expires_ms = 0;
  }

  current(name: string): { owner: string; term: bigint } | undefined {
    const row = this.#rows.get(name);
    return row === undefined ? undefined : { owner: row.owner, term: row.term };
  }
}
