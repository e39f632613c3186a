import { Channel, PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Channel as ChannelName, PassengerType as PassengerTypeName } from '../domain/quota.ts';

const CHANNEL: Record<ChannelName, Channel> = { web: Channel.WEB, app: Channel.APP, mini_program: Channel.MINI_PROGRAM, counter: Channel.COUNTER, partner: Channel.PARTNER };
const TYPE: Record<PassengerTypeName, PassengerType> = { adult: PassengerType.ADULT, child: PassengerType.CHILD, student: PassengerType.STUDENT, disabled_veteran: PassengerType.DISABLED_VETERAN };

export function channelMessage(channel: ChannelName | undefined): Channel {
  return channel === undefined ? Channel.UNSPECIFIED : CHANNEL[channel];
}

/** Undefined for UNSPECIFIED and for channels of a newer contract. */
export function channelFromMessage(message: Channel): ChannelName | undefined {
  return (Object.keys(CHANNEL) as ChannelName[]).find((name) => CHANNEL[name] === message);
}

export function passengerTypeMessage(type: PassengerTypeName | undefined): PassengerType {
  return type === undefined ? PassengerType.UNSPECIFIED : TYPE[type];
}

/** Undefined for UNSPECIFIED and for types of a newer contract. */
export function passengerTypeFromMessage(message: PassengerType): PassengerTypeName | undefined {
  return (Object.keys(TYPE) as PassengerTypeName[]).find((name) => TYPE[name] === message);
}
