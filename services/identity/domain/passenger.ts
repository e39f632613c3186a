import { normalizeIdNumber, parseIdNumber } from '#kit/base/id_number.ts';
import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { normalizePhone } from './account.ts';

export const ID_TYPES = ['RESIDENT', 'PASSPORT', 'HONG_KONG_MACAU_PERMIT', 'TAIWAN_PERMIT'] as const;
export const PASSENGER_TYPES = ['ADULT', 'CHILD', 'STUDENT', 'DISABLED_VETERAN'] as const;
export type IdType = (typeof ID_TYPES)[number];
export type PassengerType = (typeof PASSENGER_TYPES)[number];
export type VerifyState = 'PENDING' | 'VERIFIED' | 'REJECTED' | 'MANUAL';

/** The most passengers an account may keep. */
export const PASSENGER_LIMIT = 30;

/** Somebody who travels. Name, number and phone are in clear here and sealed in the store. */
export type Passenger = {
  passenger_id: bigint;
  account_id: bigint;
  name: string;
  id_type: IdType;
  id_number: string;
  passenger_type: PassengerType;
  phone?: string;
  verify_state: VerifyState;
  create_time_ms: number;
  version: bigint;
};

export type NewPassenger = { name: string; id_type: IdType | undefined; id_number: string; passenger_type: PassengerType | undefined; phone: string };
export type CheckedPassenger = { name: string; id_type: IdType; id_number: string; passenger_type: PassengerType; phone?: string };

/** The rules of a new passenger: FIELD_INVALID with the field, ID_NUMBER_INVALID (GB 11643 for residents), PHONE_INVALID. */
export function checkPassenger(given: NewPassenger, today: string): Result<CheckedPassenger> {
  const name = given.name.normalize('NFC').trim().replaceAll(/\s+/g, ' ');
  if (!/^[\p{L}\p{M}·•. '-]{2,60}$/u.test(name)) return fieldInvalid('name', '2 to 60 letters as on the document');
  if (given.id_type === undefined) return fieldInvalid('id_type', 'is required');
  if (given.passenger_type === undefined) return fieldInvalid('passenger_type', 'is required');
  const number = checkIdNumber(given.id_type, given.id_number, today);
  if (!number.ok) return number;
  const phone = checkOptionalPhone(given.phone);
  if (!phone.ok) return phone;
  return ok({ name, id_type: given.id_type, id_number: number.value, passenger_type: given.passenger_type, phone: phone.value });
}

/** A phone that may be left out; PHONE_INVALID. */
export function checkOptionalPhone(text: string): Result<string | undefined> {
  if (text.trim() === '') return ok(undefined);
  const phone = normalizePhone(text);
  return phone === undefined ? fail('PHONE_INVALID', { metadata: { field: 'phone' } }) : ok(phone);
}

/** What identifies a person across all accounts; it goes through a keyed hash before it is stored anywhere. */
export function personText({ id_type, id_number }: Pick<Passenger, 'id_type' | 'id_number'>): string {
  return `${id_type}|${id_number}`;
}

/** `YYYY-MM-DD` where the number tells; the other documents carry none. */
export function birthDateOf({ id_type, id_number }: Pick<Passenger, 'id_type' | 'id_number'>): string | undefined {
  return id_type === 'RESIDENT' ? `${id_number.slice(6, 10)}-${id_number.slice(10, 12)}-${id_number.slice(12, 14)}` : undefined;
}

function checkIdNumber(id_type: IdType, text: string, today: string): Result<string> {
  const id_number = normalizeIdNumber(text);
  if (id_type === 'RESIDENT') {
    const parsed = parseIdNumber(id_number, today);
    return parsed.ok ? ok(parsed.value.id_number) : parsed;
  }
  return FORMS[id_type].test(id_number) ? ok(id_number) : fail('ID_NUMBER_INVALID', { metadata: { problem: 'form' } });
}

/** ICAO Doc 9303 allows 9 characters for passports, some countries print more; the permits are of a letter and digits. */
const FORMS: Record<Exclude<IdType, 'RESIDENT'>, RegExp> = {
  PASSPORT: /^[A-Z0-9]{5,15}$/,
  HONG_KONG_MACAU_PERMIT: /^[HM]\d{8,10}$/,
  TAIWAN_PERMIT: /^(\d{8}|\d{10}[A-Z]?)$/,
};
