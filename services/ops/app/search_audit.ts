import type { AuditQuery } from '#kit/audit/audit.ts';
import { mergeAudit, type AuditPart } from '../domain/audit_pages.ts';
import type { Asker, AuditSources, KeptRecord, WriteAudit } from './ports.ts';

export type FoundAudit = { records: KeptRecord[]; next: string | undefined; missing: string[] };

/** A page of the audit of all services, newest first; the search is noted itself. Services that do not answer in time are named. */
export async function searchAudit({ audits, audit }: { audits: AuditSources; audit: WriteAudit }, query: AuditQuery & { limit: number }, by: Asker): Promise<FoundAudit> {
  const missing: string[] = [];
  const parts = await Promise.all([...audits].map(async ([service, search]): Promise<AuditPart<KeptRecord>> => {
    try {
      const { records, next } = await search(query);
      return { records: records.map((record) => ({ ...record, service })), more: next !== undefined };
    } catch {
      missing.push(service);
      return { records: [], more: false };
    }
  }));
  const page = mergeAudit(parts, query.limit);
  await audit({ operation: 'audit.Search', target: searchTarget(query), result: `${page.records.length} found` }, by);
  return { ...page, missing: missing.toSorted() };
}

/** The thing or the account that was named, so that it tells who looked; other words of an operator are not kept. */
function searchTarget({ target, actor_account, operation, since, until }: AuditQuery): string {
  if (target !== undefined && /^[\w-]+\/[\w.-]+$/.test(target)) return target;
  if (actor_account !== undefined) return `account/${actor_account}`;
  const given = Object.entries({ target, operation, from_time: since, to_time: until }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return given.length === 0 ? 'audit' : `audit by ${given.join(', ')}`;
}
