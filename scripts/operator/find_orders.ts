import { timestampDate } from '@bufbuild/protobuf/wkt';
import { IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import { formatFen } from '#kit/base/money.ts';
import { Told, words } from '../say.ts';
import type { Api } from '../traveller/api.ts';
import { patiently } from '../traveller/patience.ts';
import { conditionsOf, moreLine, tellConditions, timeOf } from './conditions.ts';
import { table } from './table.ts';

const KEYS = ['order', 'account', 'run', 'payment', 'state', 'person', 'document', 'placed-from', 'placed-to', 'date-from', 'date-to', 'page'] as const;

/** Orders across accounts, by what is known at the counter. A document's number only makes the blind index; it is kept nowhere. */
export async function findOrders(api: Api, args: readonly string[]): Promise<string> {
  if (args.length === 0) throw tellConditions(KEYS);
  const given = conditionsOf(KEYS, args);
  const person = given.document === undefined ? (given.person ?? '') : await personOf(api, given.document);
  const { orders, nextPageToken } = await patiently(() => api.order.searchOrders({
    orderId: given.order ?? '', accountId: given.account ?? '', runId: given.run ?? '', paymentId: given.payment ?? '', personBlindIndex: person,
    states: given.state === undefined ? [] : given.state.split(',').map(stateOf), createFromTime: timeOf(given['placed-from']), createToTime: timeOf(given['placed-to']),
    serviceDateFrom: given['date-from'] ?? '', serviceDateTo: given['date-to'] ?? '', pageToken: given.page ?? '',
  }));
  if (orders.length === 0) return words('No order fits.', '没有符合条件的订单。');
  const rows = orders.map((order) => [
    order.orderId, nameOf(order.state), order.journey?.runId ?? '', `${order.journey?.fromStationName ?? ''}—${order.journey?.toStationName ?? ''}`,
    order.items.map(({ passengerNameMasked }) => passengerNameMasked).join(' '), formatFen(order.total?.amountFen ?? 0n), order.accountId,
    order.createTime === undefined ? '' : formatRfc3339(timestampDate(order.createTime).getTime()).slice(0, 19).replace('T', ' '),
  ]);
  return `${table([words('ORDER', '订单'), words('STATE', '状态'), words('RUN', '车次'), words('JOURNEY', '行程'), words('PASSENGERS', '乘车人'), words('TOTAL', '金额'), words('ACCOUNT', '账号'), words('PLACED', '下单于')], rows)}${moreLine(nextPageToken)}`;
}

async function personOf(api: Api, document: string): Promise<string> {
  const [type = '', number = ''] = document.split(':');
  const id_type = IdType[type.toUpperCase() as keyof typeof IdType];
  if (typeof id_type !== 'number' || number === '') throw new Told('document=RESIDENT:NUMBER (or PASSPORT, HONG_KONG_MACAU_PERMIT, TAIWAN_PERMIT)', 'document=RESIDENT:号码（或 PASSPORT、HONG_KONG_MACAU_PERMIT、TAIWAN_PERMIT）');
  return (await patiently(() => api.identity.findPerson({ idType: id_type, idNumber: number }))).personBlindIndex;
}

function stateOf(word: string): OrderState {
  const state = OrderState[word.toUpperCase() as keyof typeof OrderState];
  if (typeof state !== 'number') throw new Told(`${word} is no state of an order`, `没有订单状态 ${word}`);
  return state;
}

function nameOf(state: OrderState): string {
  return Object.entries(OrderState).find(([, value]) => value === state)?.[0] ?? String(state);
}
