import type { Channel as ChannelNumber, PassengerType as TypeNumber } from '#gen/rail/type/v1/journey_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { Buyer, Channel } from '../domain/buyer.ts';
import { channelOf, passengerTypeOf } from './words.ts';

/**
 * For whom a call counts. The token's channel wins over the request's, since an order is taken for that one. FIELD_INVALID
 * for a type or channel that we do not know: an answer for somebody else would be wrong.
 */
export function buyerOf({ channel, passengerType }: { channel: ChannelNumber; passengerType: TypeNumber }, { account }: Pick<Call, 'account'>): Result<Buyer> {
  if (passengerType !== 0 && passengerTypeOf(passengerType) === undefined) return fieldInvalid('passenger_type', 'is unknown');
  if (channel !== 0 && channelOf(channel) === undefined) return fieldInvalid('channel', 'is unknown');
  const by_token = account === undefined ? undefined : (TOKEN_CHANNEL[account.channel] ?? 'web');
  return ok({ channel: by_token ?? channelOf(channel) ?? 'web', passenger_type: passengerTypeOf(passengerType) ?? 'adult' });
}

/** Channels by the words of access tokens. */
const TOKEN_CHANNEL: Readonly<Record<string, Channel>> = { web: 'web', app: 'app', mini: 'mini_program', counter: 'counter', partner: 'partner' };
