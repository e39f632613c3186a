import { ChangeService, type CreateChangeRequest, type QuoteChangeRequest } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { cancelChange } from '../app/cancel_change.ts';
import type { ChangeStore, ChangeTickets, ChangeTokens, Timetable } from '../app/change_ports.ts';
import { createChange } from '../app/create_change.ts';
import type { ChangeDriver } from '../app/drive_change.ts';
import type { Actor } from '../app/ports.ts';
import { askQuote, type QuoteDeps } from '../app/quote_change.ts';
import type { Change } from '../domain/change.ts';
import type { Wish } from '../domain/change_quote.ts';
import { changeMessage, changeQuoteMessage } from './change_messages.ts';
import { preferenceOf } from './journeys.ts';
import { ticketsViewFor } from './peers/change_orders.ts';
import { seatClasses } from './words.ts';

export type ChangeRpcDeps = { store: ChangeStore; tokens: ChangeTokens; orders: ServiceClient<typeof OrderService>; timetable: Timetable; tickets: ChangeTickets; driver: ChangeDriver; clock: Clock };

export function changeService(deps: ChangeRpcDeps): Implementation {
  const { store, tokens, driver } = deps;
  const asking = (call: Call): QuoteDeps => ({ ...deps, view: ticketsViewFor(deps.orders, call), at_counter: isOperator(call) });
  const find = async (change_id: string, call: Call): Promise<Change> => {
    const change = await store.find(BigInt(idOf(change_id, 'CHANGE_NOT_FOUND')));
    if (change === undefined || !maySee(call, change)) throw RpcError.of({ reason: 'CHANGE_NOT_FOUND' });
    return change;
  };
  return implement(ChangeService, {
    async quoteChange(request, call) {
      const { quote } = unwrap(await askQuote(asking(call), wishOf(request)));
      return { quote: changeQuoteMessage(quote, { quote_token: tokens.seal(quote), expire_ms: quote.expire_ms }) };
    },
    async createChange(request, call) {
      const { requestId, preference, quoteToken } = request;
      const wanted = { ...wishOf(request), request_id: requestId, preference: preference === undefined ? undefined : preferenceOf(preference), quote_token: quoteToken };
      return { change: changeMessage(unwrap(await createChange({ ...asking(call), store, tokens, driver }, wanted, actorOf(call)))) };
    },
    async getChange({ changeId }, call) {
      return { change: changeMessage(await find(changeId, call)) };
    },
    async listChanges({ orderId }, call) {
      const changes = await store.ofOrder(BigInt(idOf(orderId, 'ORDER_NOT_FOUND')));
      if (!changes.every((change) => maySee(call, change))) throw RpcError.of({ reason: 'ORDER_NOT_FOUND' });
      return { changes: changes.filter(({ stage }) => stage !== 'REFUSED').map(changeMessage) };
    },
    async cancelChange({ changeId }, call) {
      return { change: changeMessage(unwrap(await cancelChange({ store, driver }, await find(changeId, call), actorOf(call)))) };
    },
  });
}

/** Travellers see their own; operators and services see all. */
function maySee(call: Call, change: Change): boolean {
  if (call.caller.kind === 'service') return true;
  return isOperator(call) || (call.caller.kind === 'account' && call.caller.account_id === String(change.account_id));
}

function isOperator({ caller }: Call): boolean {
  return caller.kind === 'account' && caller.roles.includes('operator');
}

function wishOf({ orderId, itemIds, runId, fromStationId, toStationId, seatClass }: QuoteChangeRequest | CreateChangeRequest): Wish {
  const seat_class = seatClasses.of(seatClass);
  if (seat_class === '') throw RpcError.of({ reason: 'SEAT_CLASS_UNKNOWN' });
  return { order_id: idOf(orderId, 'ORDER_NOT_FOUND'), item_ids: itemIds, run_id: runId, from_station_id: fromStationId, to_station_id: toStationId, seat_class };
}

function idOf(text: string, reason: ErrorReason): string {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw RpcError.of({ reason });
  return text;
}

function actorOf(call: Call): Actor {
  return { account_id: call.account?.account_id ?? '', service: 'aftersales', device_id: call.device_id, ip: call.peer_ip };
}
