import { createClient } from '@connectrpc/connect';
import type { Client, Transport } from '@connectrpc/connect';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { ChangeService } from '#gen/rail/aftersales/v1/change_pb.ts';
import { RefundService } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { TokenPair } from '#gen/rail/identity/v1/identity_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { deviceId } from './device.ts';
import { deviceInterceptor, tokenInterceptor } from './interceptors.ts';
import { patienceInterceptor } from './patience.ts';
import { webRefreshTokenStore } from './refresh_token_store.ts';
import { TokenKeeper } from './tokens.ts';
import type { Tokens } from './tokens.ts';
import type { TransportFactory } from './transport.ts';

/** All that pages call. Timetable reads are anonymous, so that caches can share them. */
export type Api = {
  device_id: string;
  /** For services of rare pages, which make their client where they need it. */
  anonymous: Transport;
  tokens: TokenKeeper;
  query: Client<typeof QueryService>;
  /** Register, log in, refresh: no token yet. */
  entrance: Client<typeof IdentityService>;
  identity: Client<typeof IdentityService>;
  order: Client<typeof OrderService>;
  seat: Client<typeof SeatService>;
  payment: Client<typeof PaymentService>;
  ticketing: Client<typeof TicketingService>;
  refund: Client<typeof RefundService>;
  change: Client<typeof ChangeService>;
  standby: Client<typeof StandbyService>;
  notification: Client<typeof NotificationService>;
};

export function makeApi(makeTransport: TransportFactory): Api {
  const device_id = deviceId(localStorage);
  const device = deviceInterceptor(device_id);
  const patience = patienceInterceptor();
  const anonymous = makeTransport({ cacheable: false, interceptors: [device, patience] });
  const entrance = createClient(IdentityService, anonymous);
  const tokens = new TokenKeeper({
    store: webRefreshTokenStore(localStorage, sessionStorage),
    refresh: async (refresh_token) => readTokens((await entrance.refreshTokens({ refreshToken: refresh_token, deviceId: device_id })).tokens),
    exclusively: acrossTabs,
    clock: systemClock,
  });
  const personal = makeTransport({ cacheable: false, interceptors: [device, patience, tokenInterceptor(tokens)] });
  return {
    device_id,
    anonymous,
    tokens,
    query: createClient(QueryService, makeTransport({ cacheable: true, interceptors: [device, patience] })),
    entrance,
    identity: createClient(IdentityService, personal),
    order: createClient(OrderService, personal),
    seat: createClient(SeatService, personal),
    payment: createClient(PaymentService, personal),
    ticketing: createClient(TicketingService, personal),
    refund: createClient(RefundService, personal),
    change: createClient(ChangeService, personal),
    standby: createClient(StandbyService, personal),
    notification: createClient(NotificationService, personal),
  };
}

/** From an answer of the identity service. Throws when it carries no tokens: that would be a bug there. */
export function readTokens(pair: TokenPair | undefined): Tokens {
  if (pair?.accessExpireTime === undefined) throw new Error('an answer without tokens');
  return { access_token: pair.accessToken, access_expire_ms: timestampMs(pair.accessExpireTime), refresh_token: pair.refreshToken };
}

/** Web Locks need a secure context; without them tabs only share the stored token. */
async function acrossTabs<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks === undefined ? work() : navigator.locks.request('chunyun.refresh', work);
}
