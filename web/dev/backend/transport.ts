import { createRouterTransport } from '@connectrpc/connect';
import type { ConnectRouter, Interceptor } from '@connectrpc/connect';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ChangeService } from '#gen/rail/aftersales/v1/change_pb.ts';
import { RefundService, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, PaymentState } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { TransportFactory } from '../../src/api/transport.ts';
import { maybeFail } from './failures.ts';
import { classesOf, fareFen, journeyOf, offersFor, runOf, suggest, transfersFor } from './network.ts';
import { REFUND_MS, changeOrder, orderNow, readOrders, ticketsNow } from './orders.ts';
import { people } from './people.ts';
import { seating } from './seats.ts';
import { orderOf, selling } from './selling.ts';
import { standbys } from './standbys.ts';

/** The services inside the page, with the delay of a network. */
export const pretendTransport: TransportFactory = ({ interceptors }) => createRouterTransport(routes, { transport: { interceptors: [...interceptors, delay] } });

const delay: Interceptor = (next) => async (request) => {
  await new Promise((resolve) => setTimeout(resolve, 120));
  return next(request);
};

function routes(router: ConnectRouter): void {
  router.service(IdentityService, people);
  router.service(OrderService, selling);
  router.service(StandbyService, standbys);
  router.service(QueryService, {
    suggestStations: ({ text }) => ({ suggestions: suggest(text) }),
    searchTrains({ from, to, date, passengerType }) {
      maybeFail('SearchTrains');
      return { offers: offersFor(from, to, date, passengerType), stale: sessionStorage.getItem('pretend.stale') !== null, asOf: timestampFromMs(Date.now()) };
    },
    searchTransfers({ from, to, date, passengerType }) {
      maybeFail('SearchTransfers');
      return { transfers: transfersFor(from, to, date, passengerType), asOf: timestampFromMs(Date.now()) };
    },
    getTrainRun: ({ runId }) => ({ run: runOf(runId) }),
    quoteFares({ runId, fromStationId, toStationId, passengerTypes }) {
      const journey = journeyOf(runId, fromStationId, toStationId);
      const fares = classesOf(journey, 1).flatMap(({ seatClass }) => passengerTypes.map((passengerType) => ({ seatClass, passengerType, fare: { amountFen: fareFen(journey, seatClass, passengerType), currency: 'CNY' } })));
      return { journey, fares };
    },
    getAvailability: ({ runId, fromStationId, toStationId, passengerType }) => ({ classes: classesOf(journeyOf(runId, fromStationId, toStationId), passengerType) }),
  });
  router.service(SeatService, seating);
  router.service(PaymentService, {
    createPayment: ({ orderId }) => ({ payment: { paymentId: '1', orderId, state: PaymentState.PENDING, payUrl: `/pretend-cashier?order=${orderId}` } }),
  });
  router.service(TicketingService, { listTickets: ({ orderId }) => ({ tickets: ticketsNow(orderOf(orderId), Date.now()) }) });
  router.service(RefundService, {
    quoteRefund({ orderId, itemIds }) {
      const items = orderNow(orderOf(orderId), Date.now()).items.filter(({ itemId }) => itemIds.includes(itemId));
      return { quote: quoteOf(items.map(({ itemId, fare }) => ({ itemId, fen: fare?.amountFen ?? 0n }))) };
    },
    createRefund({ orderId }) {
      changeOrder(orderId, { refund_ms: Date.now() });
      return { refund: { refundId: 'r1', orderId, stage: RefundStage.ACCEPTED } };
    },
    listRefunds({ orderId }) {
      const { refund_ms } = orderOf(orderId);
      const passed_ms = Date.now() - (refund_ms ?? 0);
      const stage = passed_ms > REFUND_MS ? RefundStage.DONE : passed_ms > REFUND_MS / 2 ? RefundStage.MONEY_SENT : RefundStage.ACCEPTED;
      return { refunds: refund_ms === undefined ? [] : [{ refundId: 'r1', orderId, stage, totalReturned: { amountFen: 62_900n, currency: 'CNY' } }] };
    },
  });
  // Tickets are not changed inside the page.
  router.service(ChangeService, { listChanges: () => ({ changes: [] }) });
  let read = false;
  router.service(NotificationService, {
    listMessages: () => ({ messages: readOrders().flatMap(({ order_id, create_ms }, index) => [{ messageId: `m${index}`, title: '请支付订单', body: '您的座位已保留，请在 10 分钟内完成支付。', createTime: timestampFromMs(create_ms), read, orderId: order_id }]), unreadCount: read ? 0 : readOrders().length }),
    markMessagesRead() {
      read = true;
      return { unreadCount: 0 };
    },
  });
}

function quoteOf(items: { itemId: string; fen: bigint }[]) {
  const sum = items.reduce((total, { fen }) => total + fen, 0n);
  const money = (amountFen: bigint) => ({ amountFen, currency: 'CNY' });
  return {
    quoteToken: 'quote', expireTime: timestampFromMs(Date.now() + 600_000), totalFee: money(sum / 20n), totalReturned: money(sum - sum / 20n),
    items: items.map(({ itemId, fen }) => ({ itemId, paid: money(fen), fee: money(fen / 20n), returned: money(fen - fen / 20n), ruleTextZh: '开车前 48 小时以上、8 天以内，收取票价 5% 的退票费。', ruleTextEn: 'Between 48 hours and 8 days before departure the fee is 5 % of the fare.' })),
  };
}
