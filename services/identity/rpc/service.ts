import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import type { ResolvedPassengerSchema, ResolvePassengersRequest } from '#gen/rail/identity/v1/identity_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { fail, fieldInvalid, mapResult, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { asResult, RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement } from '#kit/rpc/implement.ts';
import type { Implementation } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { getAccount, resolveContact, resolveContacts, setPushToken } from '../app/accounts.ts';
import { addPassenger } from '../app/add_passenger.ts';
import { logIn } from '../app/log_in.ts';
import { listPassengers, removePassenger, findPerson, resolvePassengers, updatePassenger } from '../app/passengers.ts';
import type { Resolved } from '../app/passengers.ts';
import type { Actor, Deps } from '../app/ports.ts';
import { register } from '../app/register.ts';
import { logOut, refreshTokens } from '../app/sessions.ts';
import { verifyPassenger } from '../app/verify.ts';
import { birthDateOf } from '../domain/passenger.ts';
import { accountMessage, channelOf, idTypeOf, passengerMessage, passengerTypeOf, tokenMessage } from './messages.ts';

/** The contract of identity, translated to use cases. Everything of an account is looked up by the caller's own id. */
export function identityService(deps: Deps): Implementation {
  return implement(IdentityService, {
    async register({ requestId, loginName, password, phone, email, language, deviceId, city, captchaToken }, call) {
      const input = { request_id: requestId, captcha_token: captchaToken, login_name: loginName, password, phone, email, language, city, device_id: deviceOf(deviceId, call) };
      const { account, tokens } = unwrap(await register(deps, actorOf(call, input.device_id), input));
      return { account: accountMessage(account), tokens: tokenMessage(tokens) };
    },
    async logIn({ loginName, password, deviceId, captchaToken, channel }, call) {
      const input = { login_name: loginName, password, captcha_token: captchaToken, device_id: deviceOf(deviceId, call), channel: channelOf(channel) };
      const { account, tokens } = unwrap(await logIn(deps, actorOf(call, input.device_id), input));
      return { account: accountMessage(account), tokens: tokenMessage(tokens) };
    },
    async refreshTokens({ refreshToken, deviceId }, call) {
      return { tokens: tokenMessage(unwrap(await refreshTokens(deps, actorOf(call, deviceId), { refresh_token: refreshToken, device_id: deviceId }))) };
    },
    async logOut({ everywhere }, call) {
      unwrap(await logOut(deps, actorOf(call), { ...ownerOf(call), session_id: call.account?.session_id ?? '', everywhere }));
      return {};
    },
    async getAccount(_request, call) {
      return { account: accountMessage(unwrap(await getAccount(deps, actorOf(call), ownerOf(call).account_id))) };
    },
    async setPushToken({ pushToken }, call) {
      unwrap(await setPushToken(deps, actorOf(call), { ...ownerOf(call), push_token: pushToken }));
      return {};
    },
    async addPassenger({ requestId, name, idType, idNumber, passengerType, phone }, call) {
      const input = { ...ownerOf(call), request_id: requestId, name, id_type: idTypeOf(idType), id_number: idNumber, passenger_type: passengerTypeOf(passengerType), phone };
      return { passenger: passengerMessage(unwrap(await addPassenger(deps, actorOf(call), input, call.signal))) };
    },
    async listPassengers(_request, call) {
      return { passengers: unwrap(await listPassengers(deps, actorOf(call), ownerOf(call).account_id)).map(passengerMessage) };
    },
    async updatePassenger({ requestId, passengerId, passengerType, phone, version }, call) {
      const input = { ...ownerOf(call), request_id: requestId, passenger_id: passengerIdOf(passengerId), passenger_type: passengerTypeOf(passengerType), phone, version };
      return { passenger: passengerMessage(unwrap(await updatePassenger(deps, actorOf(call), input))) };
    },
    async removePassenger({ requestId, passengerId }, call) {
      unwrap(await removePassenger(deps, actorOf(call), { ...ownerOf(call), request_id: requestId, passenger_id: passengerIdOf(passengerId) }));
      return {};
    },
    async verifyPassenger({ requestId, passengerId }, call) {
      const input = { ...ownerOf(call), request_id: requestId, passenger_id: passengerIdOf(passengerId) };
      return { passenger: passengerMessage(unwrap(await verifyPassenger(deps, actorOf(call), input, call.signal))) };
    },
    async resolvePassengers(request, call) {
      return { passengers: unwrap(await resolve(deps, request, call)) };
    },
    async batchResolvePassengers({ requests }, call) {
      if (requests.length > RESOLVE_MAX) unwrap(fieldInvalid('requests', `at most ${RESOLVE_MAX}`));
      const results = await Promise.all(requests.map((request) => asResult(resolve(deps, request, call)).then((asked) => (asked.ok ? asked.value : asked))));
      return { outcomes: results.map((result) => (result.ok ? { passengers: result.value } : { error: outcomeStatus(result.error) })) };
    },
    async findPerson({ idType, idNumber }, call) {
      return { personBlindIndex: unwrap(await findPerson(deps, actorOf(call), { id_type: idTypeOf(idType), id_number: idNumber })) };
    },
    async resolveContact({ accountId }, call) {
      const { phone, email = '', push_token = '', language } = unwrap(await resolveContact(deps, actorOf(call), accountAskedFor(accountId, call)));
      return { phone, email, pushToken: push_token, language };
    },
    async resolveContacts({ accountIds }, call) {
      if (accountIds.length > CONTACTS_MAX) throw RpcError.of(fail('FIELD_INVALID', { metadata: { field: 'account_ids', limit: String(CONTACTS_MAX) } }).error);
      const contacts = await resolveContacts(deps, actorOf(call), accountIds.map((text) => accountAskedFor(text, call)));
      return { contacts: contacts.map(({ account_id, phone, email = '', push_token = '', language }) => ({ accountId: String(account_id), phone, email, pushToken: push_token, language })) };
    },
  });
}

/** How many accounts one call may ask for. */
const CONTACTS_MAX = 500;
const RESOLVE_MAX = 256;

async function resolve(deps: Deps, { accountId, passengerIds, inClear }: ResolvePassengersRequest, call: Call): Promise<Result<MessageInitShape<typeof ResolvedPassengerSchema>[]>> {
  const account_id = accountAskedFor(accountId, call);
  // Only who buys has to do with the list as it is now; who travels already must still be found.
  const with_removed = call.caller.kind === 'service' && call.caller.service !== 'order';
  const resolved = await resolvePassengers(deps, actorOf(call), { account_id, passenger_ids: passengerIds.map(passengerIdOf), with_removed });
  return mapResult(resolved, (passengers) => passengers.map((one) => resolvedMessage(one, inClear)));
}

function resolvedMessage({ passenger, person_blind_index }: Resolved, in_clear: boolean): MessageInitShape<typeof ResolvedPassengerSchema> {
  return {
    passenger: passengerMessage(passenger),
    personBlindIndex: person_blind_index,
    name: in_clear ? passenger.name : '',
    idNumber: in_clear ? passenger.id_number : '',
    birthDate: birthDateOf(passenger) ?? '',
  };
}

function actorOf(call: Call, device_id = call.device_id): Actor {
  return { account_id: call.account?.account_id ?? '', service: call.caller.kind === 'service' ? call.caller.service : '', device_id, ip: call.peer_ip };
}

function deviceOf(stated: string, call: Call): string {
  return (stated === '' ? call.device_id : stated).slice(0, 128);
}

function ownerOf(call: Call): { account_id: bigint } {
  const account_id = idOf(call.account?.account_id ?? '');
  if (account_id === undefined) throw RpcError.of(fail('TOKEN_INVALID').error);
  return { account_id };
}

/** A service that acts for an account gets that account's data only; one that acts by itself names the account. */
function accountAskedFor(text: string, call: Call): bigint {
  const account_id = idOf(text);
  if (account_id === undefined) throw RpcError.of(fail('FIELD_INVALID', { metadata: { field: 'account_id' } }).error);
  if (call.account !== undefined && call.account.account_id !== text) throw RpcError.of(fail('NOT_ALLOWED').error);
  return account_id;
}

function passengerIdOf(text: string): bigint {
  const passenger_id = idOf(text);
  if (passenger_id === undefined) throw RpcError.of(fail('PASSENGER_NOT_FOUND').error);
  return passenger_id;
}

function idOf(text: string): bigint | undefined {
  return /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
