// Between the contract's messages and the words of the domain.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AccountSchema, IdType as IdTypeEnum, PassengerSchema, TokenPairSchema, VerifyState as VerifyStateEnum } from '#gen/rail/identity/v1/identity_pb.ts';
import { Channel as ChannelEnum, PassengerType as PassengerTypeEnum } from '#gen/rail/type/v1/journey_pb.ts';
import { maskEmail, maskIdNumber, maskName, maskPhone } from '#kit/base/mask.ts';
import type { StoredPassenger, Tokens } from '../app/ports.ts';
import type { Account } from '../domain/account.ts';
import type { IdType, PassengerType, VerifyState } from '../domain/passenger.ts';
import type { Channel } from '../domain/session.ts';

export function accountMessage(account: Account): MessageInitShape<typeof AccountSchema> {
  return {
    accountId: String(account.account_id),
    loginName: account.login_name,
    phoneMasked: maskPhone(account.phone),
    emailMasked: account.email === undefined ? '' : maskEmail(account.email),
    language: account.language,
    memberLevel: account.member_level,
    roles: [...account.roles],
    createTime: timestampFromMs(account.create_time_ms),
    city: account.city,
  };
}

export function tokenMessage(tokens: Tokens): MessageInitShape<typeof TokenPairSchema> {
  return {
    accessToken: tokens.access_token,
    accessExpireTime: timestampFromMs(tokens.access_expire_ms),
    refreshToken: tokens.refresh_token,
    refreshExpireTime: timestampFromMs(tokens.refresh_expire_ms),
  };
}

export function passengerMessage(passenger: StoredPassenger): MessageInitShape<typeof PassengerSchema> {
  return {
    passengerId: String(passenger.passenger_id),
    nameMasked: maskName(passenger.name),
    idType: ID_TYPE[passenger.id_type],
    idNumberMasked: maskIdNumber(passenger.id_number),
    passengerType: PASSENGER_TYPE[passenger.passenger_type],
    phoneMasked: passenger.phone === undefined ? '' : maskPhone(passenger.phone),
    verifyState: VERIFY_STATE[passenger.verify_state],
    createTime: timestampFromMs(passenger.create_time_ms),
    version: passenger.version,
  };
}

/** Undefined for UNSPECIFIED and for what a newer client may send. */
export function idTypeOf(value: IdTypeEnum): IdType | undefined {
  return wordOf(ID_TYPE, value);
}

export function passengerTypeOf(value: PassengerTypeEnum): PassengerType | undefined {
  return wordOf(PASSENGER_TYPE, value);
}

/** Web where nothing is said. Partners log in by other means, and counters are no word of a browser. */
export function channelOf(value: ChannelEnum): Channel {
  return wordOf(CHANNEL, value) ?? 'web';
}

function wordOf<W extends string>(table: Record<W, number>, value: number): W | undefined {
  return (Object.keys(table) as W[]).find((word) => table[word] === value);
}

const ID_TYPE: Record<IdType, IdTypeEnum> = {
  RESIDENT: IdTypeEnum.RESIDENT,
  PASSPORT: IdTypeEnum.PASSPORT,
  HONG_KONG_MACAU_PERMIT: IdTypeEnum.HONG_KONG_MACAU_PERMIT,
  TAIWAN_PERMIT: IdTypeEnum.TAIWAN_PERMIT,
};
const PASSENGER_TYPE: Record<PassengerType, PassengerTypeEnum> = {
  ADULT: PassengerTypeEnum.ADULT,
  CHILD: PassengerTypeEnum.CHILD,
  STUDENT: PassengerTypeEnum.STUDENT,
  DISABLED_VETERAN: PassengerTypeEnum.DISABLED_VETERAN,
};
const VERIFY_STATE: Record<VerifyState, VerifyStateEnum> = {
  PENDING: VerifyStateEnum.PENDING,
  VERIFIED: VerifyStateEnum.VERIFIED,
  REJECTED: VerifyStateEnum.REJECTED,
  MANUAL: VerifyStateEnum.MANUAL,
};
const CHANNEL: Record<'web' | 'app' | 'mini', ChannelEnum> = { web: ChannelEnum.WEB, app: ChannelEnum.APP, mini: ChannelEnum.MINI_PROGRAM };
