import type { Channel as ChannelNumber, PassengerType as TypeNumber } from '#gen/rail/type/v1/journey_pb.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { Buyer, Channel } from '../domain/buyer.ts';
import { channelOf, passengerTypeOf } from './words.ts';

/** For whom a call counts. The token's channel wins over the request's, since an order is taken for that one. */
export function buyerOf({ channel, passengerType }: { channel: ChannelNumber; passengerType: TypeNumber }, { account }: Pick<Call, 'account'>): Buyer {
  const by_token = account === undefined ? undefined : (TOKEN_CHANNEL[account.channel] ?? 'web');
  return { channel: by_token ?? channelOf(channel) ?? 'web', passenger_type: passengerTypeOf(passengerType) ?? 'adult' };
}

/** Channels by the words of access tokens. */
const TOKEN_CHANNEL: Readonly<Record<string, Channel>> = { web: 'web', app: 'app', mini: 'mini_program', counter: 'counter', partner: 'partner' };
