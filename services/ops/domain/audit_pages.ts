/** What one service knows of a page: newest first, at most a page of them; `more` where it has older ones, too. */
export type AuditPart<R> = { records: readonly R[]; more: boolean };

/**
 * One page of what several services keep. Ids of records begin with their time and are unique over all services, so there is one
 * order of all of them, and the id of a page's last record is where each service goes on: none is lost or told twice, whoever
 * keeps it. `next` is undefined at the end.
 */
export function mergeAudit<R extends { audit_id: string }>(parts: readonly AuditPart<R>[], page_size: number): { records: R[]; next: string | undefined } {
  const known = parts.flatMap(({ records }) => records).toSorted((a, b) => (a.audit_id < b.audit_id ? 1 : -1));
  const records = known.slice(0, page_size);
  const more = known.length > page_size || parts.some((part) => part.more);
  return { records, next: more ? records.at(-1)?.audit_id : undefined };
}
