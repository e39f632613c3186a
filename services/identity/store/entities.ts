import { defineEntity, p } from '@mikro-orm/core';
import type { InferEntity } from '@mikro-orm/core';

export const AccountEntity = defineEntity({
  name: 'Account',
  tableName: 'account',
  properties: {
    account_id: p.bigint().primary(),
    login_name: p.string(),
    login_key: p.string(),
    password_hash: p.string(),
    phone_sealed: p.blob().nullable(),
    phone_index: p.blob().nullable(),
    email_sealed: p.blob().nullable(),
    email_index: p.blob().nullable(),
    push_sealed: p.blob().nullable(),
    language: p.string(),
    city: p.string(),
    tenant: p.string(),
    /** Words separated by commas. */
    roles: p.string(),
    member_level: p.integer(),
    state: p.string(),
    create_time: p.datetime(3),
    version: p.bigint(),
  },
});

export const PassengerEntity = defineEntity({
  name: 'Passenger',
  tableName: 'passenger',
  properties: {
    passenger_id: p.bigint().primary(),
    account_id: p.bigint(),
    person_index: p.blob(),
    name_sealed: p.blob(),
    id_type: p.string(),
    id_number_sealed: p.blob(),
    passenger_type: p.string(),
    phone_sealed: p.blob().nullable(),
    verify_state: p.string(),
    verify_round: p.integer(),
    verify_tries: p.integer(),
    create_time: p.datetime(3),
    /** 0 while it is on the list, then its own id, so that the same person can be added again. */
    removed_as: p.bigint(),
    version: p.bigint(),
  },
});

export type AccountRow = InferEntity<typeof AccountEntity>;
export type PassengerRow = InferEntity<typeof PassengerEntity>;

export const ENTITIES = [AccountEntity, PassengerEntity];
