/** The product as somebody outside sees it: every contract over Connect, through the edge. */
import { randomUUID } from 'node:crypto';
import { createClient, ConnectError, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import type { DescService } from '@bufbuild/protobuf';
import { RefundService } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OpsService } from '#gen/rail/ops/v1/ops_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';

export type Api = {
  device_id: string;
  /** Sent with each call once it is set. */
  access_token: string;
  query: Client<typeof QueryService>;
  identity: Client<typeof IdentityService>;
  inventory: Client<typeof InventoryService>;
  order: Client<typeof OrderService>;
  payment: Client<typeof PaymentService>;
  ticketing: Client<typeof TicketingService>;
  refund: Client<typeof RefundService>;
  notification: Client<typeof NotificationService>;
  risk: Client<typeof RiskService>;
  ops: Client<typeof OpsService>;
  config: Client<typeof ConfigService>;
};

export type ApiOptions = {
  /** Of each call that is not a stream, in milliseconds. */
  timeout_ms?: number;
  /** Put into x-forwarded-for, for load that stands for many addresses behind a trusted hop. */
  forwarded_for?: string;
};

const TIMEOUT_MS = 15_000;

/** Clients of all services behind the edge at `page_url`, as one device. */
export function openApi(page_url: string, { timeout_ms = TIMEOUT_MS, forwarded_for }: ApiOptions = {}): Api {
  const device_id = randomUUID();
  const identify: Interceptor = (next) => (request) => {
    request.header.set('x-device-id', device_id);
    if (forwarded_for !== undefined) request.header.set('x-forwarded-for', forwarded_for);
    if (api.access_token !== '') request.header.set('authorization', `Bearer ${api.access_token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: page_url, httpVersion: '1.1', useBinaryFormat: true, defaultTimeoutMs: timeout_ms, interceptors: [identify] });
  const client = <S extends DescService>(service: S): Client<S> => createClient(service, transport);
  const api: Api = {
    device_id,
    access_token: '',
    query: client(QueryService),
    identity: client(IdentityService),
    inventory: client(InventoryService),
    order: client(OrderService),
    payment: client(PaymentService),
    ticketing: client(TicketingService),
    refund: client(RefundService),
    notification: client(NotificationService),
    risk: client(RiskService),
    ops: client(OpsService),
    config: client(ConfigService),
  };
  return api;
}

/** The reason of the error table, when the refusal has one. */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof ConnectError ? error.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
}

/** When to ask again, in milliseconds; undefined when the refusal does not say. */
export function retryAfterMs(error: unknown): number | undefined {
  const delay = error instanceof ConnectError ? error.findDetails(RetryInfoSchema)[0]?.retryDelay : undefined;
  return delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}
