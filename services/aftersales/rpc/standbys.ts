import { timestampMs } from '@bufbuild/protobuf/wkt';
import { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { fail, fieldInvalid } from '#kit/base/result.ts';
import { sleep, type Timers } from '#kit/base/timers.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { cancelUpgrade, type CancelUpgradeParts } from '../app/cancel_upgrade.ts';
import type { TicketsView } from '../app/change_ports.ts';
import { createStandby, resolveWishes, TRAVELLERS_MAX } from '../app/create_standby.ts';
import { createUpgrade, type CreateUpgradeParts } from '../app/create_upgrade.ts';
import { outlookOf, placesOf } from '../app/estimate_standby.ts';
import type { StandbyActor, StandbyOrders } from '../app/standby_ports.ts';
import { isOver, type Standby } from '../domain/standby.ts';
import { standbyPriorityOf } from '../domain/standby_priority.ts';
import { fenOf } from './journeys.ts';
import { typeWord } from './peers/standby_peers.ts';
import { placeMessage, standbyMessage, wishRequestOf } from './standby_messages.ts';

export type StandbyRpcParts = CreateUpgradeParts & CancelUpgradeParts & { orders: StandbyOrders; timers: Timers; /** Orders as the caller may see them. */ ticketsFor: (call: Call) => TicketsView };

const PAGE_USUAL = 20;
const PAGE_MOST = 50;
/** How often a stream looks. Places change with every match, and nobody reads faster. */
const WATCH_MS = 1000;
/** Odds of a request whose deadline is not known yet: until each train leaves. */
const NO_DEADLINE_MS = Number.MAX_SAFE_INTEGER;

export function standbyService(parts: StandbyRpcParts): Implementation {
  const { standbys, orders } = parts;
  const messageOf = async (standby: Standby) => standbyMessage(standby, await placesOf(parts, standby));
  return implement(StandbyService, {
    async estimateStandby({ wishes: wanted, passengerCount: count, deadline }, call) {
      if (count < 1 || count > TRAVELLERS_MAX) unwrap(fieldInvalid('passenger_count', `1 to ${TRAVELLERS_MAX}`));
      const wishes = unwrap(await resolveWishes(parts, wanted.map(wishRequestOf)));
      const priority = standbyPriorityOf({ waited_ms: 0, member_level: actorOf(call).member_level, passengers: count });
      const { places, odds } = await outlookOf(parts, wishes, count, { priority, deadline_ms: deadline === undefined ? NO_DEADLINE_MS : timestampMs(deadline) });
      return { places: places.map(placeMessage), odds };
    },
    async createStandby({ requestId: request_id, wishes, passengerIds: passenger_ids, passengerTypes, deadline, upgradeOfOrderId, itemIds: item_ids, maxDifference, matchAfterTime }, call) {
      if (deadline === undefined) unwrap(fieldInvalid('deadline', 'needed'));
      const deadline_ms = timestampMs(deadline!);
      if (upgradeOfOrderId !== '') {
        if (!/^[1-9]\d{0,18}$/.test(upgradeOfOrderId)) throw RpcError.of({ reason: 'ORDER_NOT_FOUND' });
        const max_difference_fen = maxDifference === undefined ? undefined : fenOf(maxDifference);
        if (max_difference_fen !== undefined && max_difference_fen < 0) unwrap(fieldInvalid('max_difference', 'not below zero'));
        const upgrade = { request_id, order_id: upgradeOfOrderId, item_ids, passenger_ids, wishes: wishes.map(wishRequestOf), deadline_ms, max_difference_fen };
        return { standby: await messageOf(unwrap(await createUpgrade(parts, parts.ticketsFor(call), upgrade, actorOf(call)))) };
      }
      if (item_ids.length > 0 || maxDifference !== undefined) unwrap(fieldInvalid('upgrade_of_order_id', 'needed with item_ids and max_difference'));
      const passenger_types = passengerTypes.map((type, index) => typeWord(type) ?? unwrap<never>(fieldInvalid(`passenger_types[${index}]`, 'not a passenger type')));
      // Travellers could pass the check that seats are left by it.
      if (matchAfterTime !== undefined && call.caller.kind !== 'service') unwrap(fieldInvalid('match_after_time', 'not for travellers'));
      const wanted = { request_id, wishes: wishes.map(wishRequestOf), passenger_ids, passenger_types, deadline_ms, ...(matchAfterTime === undefined ? {} : { match_after_ms: timestampMs(matchAfterTime) }) };
      return { standby: await messageOf(unwrap(await createStandby(parts, wanted, actorOf(call)))) };
    },
    async getStandby({ standbyId }, call) {
      return { standby: await messageOf(await ownStandby(parts, standbyId, call)) };
    },
    async listStandbys({ pageSize, pageToken, upgradeOfOrderId }, call) {
      if (pageToken !== '' && idOf(pageToken) === undefined) throw RpcError.of({ reason: 'PAGE_TOKEN_INVALID' });
      const limit = pageSize === 0 ? PAGE_USUAL : Math.min(pageSize, PAGE_MOST);
      const found = await standbys.list(BigInt(actorOf(call).account_id), pageToken === '' ? undefined : idOf(pageToken), limit + 1, upgradeOfOrderId || undefined);
      const shown = found.slice(0, limit);
      return { standbys: await Promise.all(shown.map(messageOf)), nextPageToken: found.length > limit ? String(shown.at(-1)!.standby_id) : '' };
    },
    async cancelStandby({ requestId, standbyId }, call) {
      return { standby: await messageOf(await cancel(await ownStandby(parts, standbyId, call), requestId, call)) };
    },
    async *watchStandby({ standbyId }, call) {
      let told = '';
      while (!call.signal.aborted) {
        const standby = await ownStandby(parts, standbyId, call);
        const message = await messageOf(standby);
        const text = `${standby.version} ${message.places?.map(({ requestsAhead, passengersAhead }) => `${requestsAhead}/${passengersAhead}`).join(' ')}`;
        if (text !== told) yield { standby: message };
        told = text;
        if (isOver(standby.state)) return;
        await sleep(parts.timers, WATCH_MS);
      }
    },
  });

  /** Leaves all queues; with an order, that is cancelled, and the standby ends with it. */
  async function cancel(standby: Standby, request_id: string, call: Call): Promise<Standby> {
    if (standby.state === 'FAIL') return standby;
    if (standby.state === 'SUCCESS') return unwrap<never>(fail('STANDBY_NOT_CANCELLABLE'));
    if (standby.state === 'PENDING') {
      const ended = await standbys.end(standby, 'FAIL', 'CANCELLED', actorOf(call));
      // It may have been matched at this very moment.
      return ended.state === 'FAIL' ? ended : unwrap<never>(fail('CONFLICT', { retry_after_ms: 500 }));
    }
    if (standby.change_id !== undefined) return unwrap(await cancelUpgrade(parts, standby, actorOf(call)));
    // Its seats are just being taken, or its order made.
    if (standby.state !== 'AWAIT_PAY') return unwrap<never>(fail('CONFLICT', { retry_after_ms: 500 }));
    const cancelled = await orders.cancel(call, standby.order_id, request_id);
    if (!cancelled.ok) return unwrap<never>(cancelled.error.reason === 'ORDER_NOT_CANCELLABLE' ? fail('STANDBY_NOT_CANCELLABLE') : cancelled);
    const state = await orders.state(standby.order_id);
    if (state.ok && typeof state.value === 'object') return standbys.end(standby, 'FAIL', 'CANCELLED', actorOf(call));
    return standby;
  }
}

/** Another account's does not exist; operators see all. */
async function ownStandby({ standbys }: StandbyRpcParts, text: string, call: Call): Promise<Standby> {
  const standby_id = idOf(text);
  const standby = standby_id === undefined ? undefined : await standbys.find(standby_id);
  const { account_id } = actorOf(call);
  const may = standby !== undefined && (String(standby.account_id) === account_id || call.account?.roles.includes('operator') === true);
  return may ? standby : unwrap<never>(fail('STANDBY_NOT_FOUND'));
}

function idOf(text: string): bigint | undefined {
  return /^[1-9]\d{0,18}$/.test(text) ? BigInt(text) : undefined;
}

/** The account of the call; order's own calls name the account that they act for. */
function actorOf(call: Call): StandbyActor {
  const { account, caller } = call;
  if (account === undefined) return unwrap<never>(fail('TOKEN_MISSING'));
  const service = caller.kind === 'service' ? caller.service : 'aftersales';
  return { account_id: account.account_id, service, device_id: call.device_id, ip: call.peer_ip, tenant: account.tenant, channel: account.channel, member_level: account.member_level };
}
