import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { AuditService } from '#gen/rail/ops/v1/audit_pb.ts';
import type { AuditPage, AuditQuery } from '#kit/audit/audit.ts';
import { auditRecordOf } from '#kit/audit/service.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { AuditSources } from '../app/ports.ts';
import type { Peers } from './peers.ts';

/** Leaves an operator's search a second for what follows. */
const ASK_MS = 2000;

/** The audits of all services; `own` reads the one that ops keeps itself. */
export function auditSources({ audits }: Pick<Peers, 'audits'>, own: (query: AuditQuery, timeout_ms: number) => Promise<AuditPage>): AuditSources {
  const sources = new Map([...audits].map(([name, client]) => [name, (query: AuditQuery) => ask(client, query)] as const));
  return sources.set('ops', (query) => own(query, ASK_MS));
}

async function ask(client: ServiceClient<typeof AuditService>, query: AuditQuery): Promise<AuditPage> {
  const { records, nextPageToken } = await client.listAuditRecords(requestOf(query), { timeout_ms: ASK_MS });
  return { records: records.map(auditRecordOf), next: nextPageToken === '' ? undefined : nextPageToken };
}

function requestOf({ actor_account = '', target = '', operation = '', since, until, after = '', limit = 0 }: AuditQuery) {
  return {
    accountId: String(actor_account), target, operation, pageSize: limit, pageToken: after,
    ...(since === undefined ? {} : { fromTime: timestampFromDate(since) }), ...(until === undefined ? {} : { toTime: timestampFromDate(until) }),
  };
}
