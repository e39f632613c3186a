import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { PassengerSchema, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import type { IdType, IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { maskIdNumber, maskName } from '#kit/base/mask.ts';
import { maybeFail, refuse } from './failures.ts';

type Stored = { passenger_id: string; name: string; id_number: string; id_type: IdType; type: PassengerType };

/** Accounts and passengers of this tab. Everybody may log in with any password but `wrong`. */
export const people: Partial<ServiceImpl<typeof IdentityService>> = {
  register: ({ loginName }) => ({ account: account(loginName), tokens: tokens() }),
  logIn({ loginName, password }) {
    maybeFail('LogIn');
    if (password === 'wrong') throw refuse('CREDENTIALS_WRONG');
    return { account: account(loginName), tokens: tokens() };
  },
  refreshTokens: () => ({ tokens: tokens() }),
  logOut: () => ({}),
  getAccount: () => ({ account: account('chunyun_2026') }),
  listPassengers: () => ({ passengers: readPassengers().map(toPassenger) }),
  addPassenger({ name, idNumber, idType, passengerType }) {
    const known = readPassengers();
    if (known.some(({ id_number }) => id_number === idNumber)) throw refuse('PASSENGER_EXISTS');
    const added = { passenger_id: `p${known.length + 1}`, name, id_number: idNumber, id_type: idType, type: passengerType };
    sessionStorage.setItem('pretend.passengers', JSON.stringify([...known, added]));
    return { passenger: toPassenger(added) };
  },
  removePassenger({ passengerId }) {
    sessionStorage.setItem('pretend.passengers', JSON.stringify(readPassengers().filter(({ passenger_id }) => passenger_id !== passengerId)));
    return {};
  },
};

export function readPassengers(): Stored[] {
  return JSON.parse(sessionStorage.getItem('pretend.passengers') ?? '[]') as Stored[];
}

export function toPassenger({ passenger_id, name, id_number, id_type, type }: Stored) {
  const verifyState = name.includes('待') ? VerifyState.PENDING : VerifyState.VERIFIED;
  return create(PassengerSchema, { passengerId: passenger_id, nameMasked: maskName(name), idType: id_type, idNumberMasked: maskIdNumber(id_number), passengerType: type, verifyState });
}

function account(loginName: string) {
  return { accountId: '1', loginName, phoneMasked: '138****5678', emailMasked: 'c***@example.com', createTime: timestampFromMs(Date.UTC(2026, 0, 5)) };
}

function tokens() {
  return { accessToken: 'pretend', accessExpireTime: timestampFromMs(Date.now() + 900_000), refreshToken: 'pretend', refreshExpireTime: timestampFromMs(Date.now() + 2_592_000_000) };
}
