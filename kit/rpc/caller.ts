import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { AccountCallerSchema, CallerContextSchema } from '#gen/rail/caller/v1/caller_pb.ts';
import type { AccountCaller as AccountMessage } from '#gen/rail/caller/v1/caller_pb.ts';

export const CALLER_KEY = 'x-caller-bin';
export const CALLER_SIGNATURE_KEY = 'x-caller-signature-bin';

/** How far the clocks of two services may differ, and how long a context can be used again for its method. */
export const SKEW_LIMIT_MS = 60_000;

export type AnonymousCaller = { kind: 'anonymous' };

/** An account as its token proved it. */
export type AccountCaller = {
  kind: 'account';
  account_id: string;
  tenant: string;
  channel: string;
  device_id: string;
  session_id: string;
  roles: readonly string[];
  member_level: number;
  city?: string;
};

/** Another service of ours, proven by its signature, and the account it acts for. */
export type ServiceCaller = {
  kind: 'service';
  service: string;
  on_behalf_of?: AccountCaller;
};

/** Who calls, verified. */
export type Caller = AnonymousCaller | AccountCaller | ServiceCaller;

/** What a service states about itself on a call to another one. */
export type CallerStatement = {
  service: string;
  /** `/rail.order.v1.OrderService/GetOrder`: a context is good for one method. */
  method: string;
  issue_time_ms: number;
  on_behalf_of?: AccountCaller;
  client_ip?: string;
  user_agent?: string;
};

export const ANONYMOUS: AnonymousCaller = { kind: 'anonymous' };

/** The account that a call is made for, whether it calls itself or a service does for it. */
export function accountOf(caller: Caller): AccountCaller | undefined {
  if (caller.kind === 'account') return caller;
  return caller.kind === 'service' ? caller.on_behalf_of : undefined;
}

/** The bytes of a statement and their HMAC-SHA256, as both go into the metadata. */
export function signCaller(statement: CallerStatement, key: Uint8Array): { context: Buffer; signature: Buffer } {
  const message = create(CallerContextSchema, {
    service: statement.service,
    method: statement.method,
    issueTime: timestampFromMs(statement.issue_time_ms),
    onBehalfOf: statement.on_behalf_of === undefined ? undefined : accountToMessage(statement.on_behalf_of),
    clientIp: statement.client_ip ?? '',
    userAgent: statement.user_agent ?? '',
  });
  const bytes = toBinary(CallerContextSchema, message);
  const context = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { context, signature: hmac(context, key) };
}

export type VerifyOptions = {
  /** Newest first; any of them is accepted, so that keys can be rotated. */
  keys: readonly Uint8Array[];
  method: string;
  now_ms: number;
};

/**
 * The statement of a signed context; undefined when the signature is not ours, the method is another one or the time is
 * off by more than a minute. The signature is compared in constant time and before anything is parsed.
 */
export function verifyCaller(context: Uint8Array, signature: Uint8Array, { keys, method, now_ms }: VerifyOptions): CallerStatement | undefined {
  const signed = keys.some((key) => {
    const expected = hmac(context, key);
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  });
  if (!signed) return undefined;
  const message = fromBinary(CallerContextSchema, context);
  if (message.method !== method || message.service === '' || message.issueTime === undefined) return undefined;
  const issue_time_ms = timestampMs(message.issueTime);
  if (Math.abs(now_ms - issue_time_ms) > SKEW_LIMIT_MS) return undefined;
  return {
    service: message.service,
    method,
    issue_time_ms,
    on_behalf_of: message.onBehalfOf === undefined ? undefined : accountFromMessage(message.onBehalfOf),
    client_ip: message.clientIp === '' ? undefined : message.clientIp,
    user_agent: message.userAgent === '' ? undefined : message.userAgent,
  };
}

function accountToMessage(account: AccountCaller): AccountMessage {
  return create(AccountCallerSchema, {
    accountId: account.account_id,
    tenant: account.tenant,
    channel: account.channel,
    deviceId: account.device_id,
    sessionId: account.session_id,
    roles: [...account.roles],
    memberLevel: account.member_level,
    city: account.city ?? '',
  });
}

function accountFromMessage(message: AccountMessage): AccountCaller {
  return {
    kind: 'account',
    account_id: message.accountId,
    tenant: message.tenant,
    channel: message.channel,
    device_id: message.deviceId,
    session_id: message.sessionId,
    roles: message.roles,
    member_level: message.memberLevel,
    city: message.city === '' ? undefined : message.city,
  };
}

function hmac(bytes: Uint8Array, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}
