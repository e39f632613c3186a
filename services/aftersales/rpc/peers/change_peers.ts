import { HoldOwner, type Hold, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { PaymentKind, PaymentState, type PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import type { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { IssueOutcome, TicketState, type TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import type { ChangeMoney, ChangePlaces, ChangeTickets, DifferenceState, Timetable } from '../../app/change_ports.ts';
import type { Money, Places } from '../../app/ports.ts';
import type { PlacePart } from '../../domain/change.ts';
import type { SaleState } from '../../domain/change_quote.ts';
import { fenOf, journeyOf, moneyMessage, partMessage, placeOf, preferenceMessage, seatMessage } from '../journeys.ts';
import { berthLevels, channels, passengerTypes, saleStates, seatClasses } from '../words.ts';

const READ_MS = 1000;
const WRITE_MS = 2000;
const GATEWAY_MS = 5000;
const ISSUE_MS = 8000;
/** Unattached; attaching follows at once, or the next process does both again. */
const HOLD_TTL_MS = 120_000;

export function timetableOver(client: ServiceClient<typeof QueryService>): Timetable {
  return {
    async run(run_id) {
      const answer = await ask(client.getTrainRun({ runId: run_id }, { ...own(READ_MS), retry: { attempts: 2 } }));
      if (!answer.ok) return answer;
      const { run } = answer.value;
      if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
      const stops = run.stops.map(({ station, saleStartTime }) => ({ station_id: station?.stationId ?? '', city: station?.cityZh ?? '', sale_start_ms: saleStartTime === undefined ? undefined : timestampMs(saleStartTime) }));
      // A state we do not know is not on sale.
      return ok({ stops, sale_state: (saleStates.of(run.saleState) || 'CLOSED') as SaleState });
    },
    async quote({ run_id, from_station_id, to_station_id, seat_class, passenger_types }) {
      const asked = { runId: run_id, fromStationId: from_station_id, toStationId: to_station_id, seatClasses: [seatClasses.to(seat_class)], passengerTypes: passenger_types.map((word) => passengerTypes.to(word)) };
      const answer = await ask(client.quoteFares(asked, { ...own(READ_MS), retry: { attempts: 2 } }));
      return mapResult(answer, ({ fares, journey }) => ({
        journey: journeyOf(journey),
        fares: fares.map(({ seatClass, passengerType, berthLevel, fare }) => ({ seat_class: seatClasses.of(seatClass), passenger_type: passengerTypes.of(passengerType), berth_level: berthLevels.of(berthLevel), fare_fen: fenOf(fare) })),
      }));
    },
  };
}

export function changePlacesOver(client: ServiceClient<typeof InventoryService>, places: Places): ChangePlaces {
  const buckets = runBuckets(client);
  return {
    release: (hold) => places.release(hold),
    async hold({ order_id, items, journey, seat_class, preference, channel, upgrade }, hold_id) {
      const on = { ...own(WRITE_MS), route_key: await buckets.keyOf(journey.run_id) };
      const attach = async () => mapResult(await ask(client.attachOrder({ holdId: hold_id, runId: journey.run_id, orderId: String(order_id), owner: HoldOwner.CHANGE }, on)), ({ hold }) => (hold === undefined ? [] : placesIn(hold)));
      // Those of a match are held already.
      if (upgrade !== undefined) return attach();
      const held = await ask(client.holdSeats({
        holdId: hold_id,
        runId: journey.run_id,
        fromStationId: journey.from_station_id,
        toStationId: journey.to_station_id,
        items: items.map(({ item_no, passenger_type }) => ({ itemId: String(item_no), seatClasses: [seatClasses.to(seat_class)], passengerType: passengerTypes.to(passenger_type) })),
        preference: preference === undefined ? undefined : preferenceMessage(preference),
        channel: channels.to(channel),
        owner: HoldOwner.CHANGE,
        holdTtlMs: HOLD_TTL_MS,
      }, on));
      if (!held.ok) return held;
      const { hold } = held.value;
      return hold === undefined ? fail('HOLD_NOT_FOUND') : mapResult(await attach(), () => placesIn(hold));
    },
    async sell({ hold_id, run_id, order_id }) {
      const on = { ...own(WRITE_MS), route_key: await buckets.keyOf(run_id) };
      return mapResult(await ask(client.sellHold({ holdId: hold_id, runId: run_id, orderId: order_id }, on)), () => undefined);
    },
  };
}

export function placesIn({ seats }: Hold): { item_no: number; places: PlacePart[] }[] {
  const by_item = Map.groupBy(seats, ({ itemId }) => Number(itemId));
  return [...by_item].map(([item_no, some]) => ({
    item_no,
    places: some.flatMap(({ seat, fromIndex, toIndex }) => (seat === undefined ? [] : [{ seat: placeOf(seat), from_index: fromIndex, to_index: toIndex }])).toSorted((a, b) => a.from_index - b.from_index),
  }));
}

const OUTCOMES = new Map<number, 'ISSUED' | 'FAILED'>([[IssueOutcome.ISSUED, 'ISSUED'], [IssueOutcome.FAILED, 'FAILED']]);

export function changeTicketsOver(client: ServiceClient<typeof TicketingService>): ChangeTickets {
  return {
    valid: async (order_id) => mapResult(await ask(client.listTickets({ orderId: order_id }, { ...own(READ_MS), retry: { attempts: 2 } })), ({ tickets }) => new Set(tickets.filter(({ state }) => state === TicketState.VALID).map(({ itemId }) => itemId))),
    async swap({ order_id, account_id, journey }, items) {
      const wanted = items.map(({ item_id, now_version, passenger_id, passenger_type, places }) => ({
        itemId: item_id,
        itemVersion: BigInt(now_version),
        passengerId: passenger_id,
        passengerType: passengerTypes.to(passenger_type),
        seat: seatMessage(places[0]!.seat),
        seatParts: places.map(partMessage),
        journey: journeyMessage(journey),
      }));
      const answer = await ask(client.issueTickets({ orderId: String(order_id), accountId: String(account_id), items: wanted, replaces: true }, own(ISSUE_MS)));
      return mapResult(answer, ({ outcome, tickets, failureReason }) => ({ outcome: OUTCOMES.get(outcome) ?? 'PENDING', reason: failureReason, tickets: tickets.map(({ itemId, ticketId }) => ({ item_id: itemId, ticket_id: ticketId })) }));
    },
  };
}

const STATES = new Map<number, DifferenceState>([[PaymentState.SUCCEEDED, 'SUCCEEDED'], [PaymentState.CLOSED, 'CLOSED']]);

export function changeMoneyOver(client: ServiceClient<typeof PaymentService>, money: Money): ChangeMoney {
  return {
    refund: (wanted) => money.refund(wanted),
    async open({ request_id, order_id, change_id, amount_fen, expire_ms }): Promise<Result<{ payment_id: string; state: DifferenceState }>> {
      const wanted = { requestId: request_id, orderId: order_id, kind: PaymentKind.CHANGE_DIFFERENCE, changeId: change_id, amount: moneyMessage(amount_fen), expireTime: timestampFromMs(expire_ms), returnPath: `/orders/${order_id}/changes/${change_id}` };
      const answer = await ask(client.createPayment(wanted, own(GATEWAY_MS)));
      if (!answer.ok) return answer;
      const { payment } = answer.value;
      return payment === undefined ? fail('PAYMENT_NOT_FOUND') : ok({ payment_id: payment.paymentId, state: STATES.get(payment.state) ?? 'OPEN' });
    },
    state: async (payment_id) => mapResult(await ask(client.getPayment({ paymentId: payment_id }, { ...own(READ_MS), retry: { attempts: 2 } })), ({ payment }) => STATES.get(payment?.state ?? 0) ?? 'OPEN'),
    settle: async ({ payment_id, order_id, accepted, reason }) => mapResult(await ask(client.settlePayment({ paymentId: payment_id, orderId: order_id, accepted, reason }, own(WRITE_MS))), () => undefined),
    close: async ({ order_id, change_id, force }) => mapResult(await ask(client.closePayments({ orderId: order_id, changeId: change_id, force }, own(GATEWAY_MS))), ({ paid, closed }) => ({ paid: paid !== undefined, closed })),
  };
}
