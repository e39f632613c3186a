import { timestampDate, timestampFromDate, timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { AuditService } from '#gen/rail/ops/v1/audit_pb.ts';
import type { AuditRecord as AuditRecordMessage, SearchAuditRequest } from '#gen/rail/ops/v1/ops_pb.ts';
import { fieldInvalid, fail, ok, type Result } from '#kit/base/result.ts';
import { uuid7Time_ms } from '#kit/base/uuid7.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import type { Database } from '#kit/store/mysql.ts';
import { searchAudit, type AuditKeys, type AuditQuery, type AuditRecord } from './audit.ts';

export type AuditDeps = {
  db: Database;
  /** Of services whose records hold devices and addresses. */
  keys?: AuditKeys;
};

/** What ops asks each service for when an operator searches the audit of all. Devices and addresses leave it masked only. */
export function auditService({ db, keys }: AuditDeps): Implementation {
  return implement(AuditService, {
    async listAuditRecords(request, call) {
      const { records, next } = await searchAudit(db, keys, unwrap(auditQueryOf(request)), { timeout_ms: call.remaining_ms() });
      return { records: records.map((record) => auditMessage(db.service, record)), nextPageToken: next ?? '' };
    },
  });
}

const PAGE = { fallback: 50, max: 200 };
/** What the column holds. */
const MAX_TARGET = 128;
/** The first moment that DATETIME can not say, in milliseconds since 1970. */
const END_OF_TIME_MS = Date.UTC(10_000, 0, 1);

/** The same conditions from both contracts. FIELD_INVALID names the first that is none; PAGE_TOKEN_INVALID. */
export function auditQueryOf(request: Pick<SearchAuditRequest, 'accountId' | 'target' | 'operation' | 'fromTime' | 'toTime' | 'pageSize' | 'pageToken'>): Result<AuditQuery & { limit: number }> {
  const { accountId, target, operation, fromTime, toTime, pageSize, pageToken } = request;
  if (!/^\d{0,20}$/.test(accountId)) return fieldInvalid('account_id', 'digits');
  // The column is ASCII, and so is whatever it is compared with.
  if (!/^[\w.-]{0,128}$/.test(operation)) return fieldInvalid('operation', 'is none; one is order.Cancel');
  if (target.length > MAX_TARGET) return fieldInvalid('target', `has at most ${MAX_TARGET} characters`);
  if (!isMoment(fromTime)) return fieldInvalid('from_time', 'is no time');
  if (!isMoment(toTime)) return fieldInvalid('to_time', 'is no time');
  if (fromTime !== undefined && toTime !== undefined && timestampMs(fromTime) >= timestampMs(toTime)) return fieldInvalid('to_time', 'must be later than from_time');
  if (pageSize > PAGE.max) return fieldInvalid('page_size', `is at most ${PAGE.max}`);
  if (pageToken !== '' && (uuid7Time_ms(pageToken) ?? END_OF_TIME_MS) >= END_OF_TIME_MS) return fail('PAGE_TOKEN_INVALID');
  return ok({
    ...(accountId === '' ? {} : { actor_account: accountId }),
    ...(target === '' ? {} : { target }),
    ...(operation === '' ? {} : { operation }),
    ...(fromTime === undefined ? {} : { since: timestampDate(fromTime) }),
    ...(toTime === undefined ? {} : { until: timestampDate(toTime) }),
    ...(pageToken === '' ? {} : { after: pageToken }),
    limit: pageSize === 0 ? PAGE.fallback : pageSize,
  });
}

/** A record as contracts have it, with the service that keeps it. */
export function auditMessage(service: string, record: AuditRecord) {
  return {
    auditId: record.audit_id, time: timestampFromDate(record.time), service, accountId: record.actor_account, actor: record.actor_service,
    deviceMasked: record.device_id ?? '', ipMasked: record.ip ?? '', operation: record.operation, target: record.target, result: record.result,
    requestId: record.request_id ?? '', version: record.version ?? 0n,
  };
}

/** The record that another service told. */
export function auditRecordOf(message: AuditRecordMessage): AuditRecord {
  return {
    audit_id: message.auditId, time: timestampDate(message.time!), actor_account: message.accountId, actor_service: message.actor,
    device_id: message.deviceMasked, ip: message.ipMasked, operation: message.operation, target: message.target, result: message.result,
    request_id: message.requestId, version: message.version,
  };
}

function isMoment(time: Timestamp | undefined): boolean {
  return time === undefined || (timestampMs(time) >= 0 && timestampMs(time) < END_OF_TIME_MS);
}
