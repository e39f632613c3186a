/** A search as customer service states it. */
import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import type { SearchOrdersRequest } from '#gen/rail/order/v1/order_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { isServiceDate } from '#kit/base/time.ts';
import type { Actor } from '../app/actor.ts';
import type { OrderSearch } from '../app/search_orders.ts';
import { statesOf } from './requests.ts';

/** The tenant whose operators serve everybody. */
const EVERYBODY = 'rail';

/** FIELD_INVALID names the first condition that is none. */
export function searchOf(message: SearchOrdersRequest): Result<OrderSearch> {
  const states = statesOf(message.states);
  if (!states.ok) return states;
  const dates = { service_date_from: message.serviceDateFrom, service_date_to: message.serviceDateTo };
  for (const [field, date] of Object.entries(dates)) if (date !== '' && !isServiceDate(date)) return fieldInvalid(field, 'YYYY-MM-DD');
  if (message.accountId !== '' && !/^\d{1,19}$/.test(message.accountId)) return fieldInvalid('account_id', 'digits');
  if (!/^[0-9a-f]{0,64}$/.test(message.personBlindIndex)) return fieldInvalid('person_blind_index', 'hex, as FindPerson tells it');
  if (message.runId.length > 48) return fieldInvalid('run_id', 'too long');
  if (message.paymentId.length > 64) return fieldInvalid('payment_id', 'too long');
  return ok({
    order_id: given(message.orderId), account_id: given(message.accountId), run_id: given(message.runId), person: given(message.personBlindIndex), payment_id: given(message.paymentId),
    states: states.value, create_from_ms: millis(message.createFromTime), create_to_ms: millis(message.createToTime),
    service_date_from: given(message.serviceDateFrom), service_date_to: given(message.serviceDateTo),
  });
}

/** Operators of a partner see the orders of their own tenant. */
export function tenantSeenBy({ account }: Actor): string | undefined {
  return account === undefined || account.tenant === EVERYBODY ? undefined : account.tenant;
}

/** For the audit: which conditions were asked by, and the order or account where one was named. */
export function searchTarget(search: OrderSearch): string {
  if (search.order_id !== undefined) return `order/${search.order_id.slice(0, 20)}`;
  if (search.account_id !== undefined) return `account/${search.account_id}`;
  const named = Object.entries(search).filter(([, value]) => value !== undefined && (!Array.isArray(value) || value.length > 0));
  return `orders by ${named.map(([field]) => field).join(', ')}`.slice(0, 120);
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

function millis(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : timestampMs(time);
}
