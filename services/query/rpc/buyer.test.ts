import test from 'ava';
import { Channel, PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { buyerOf } from './buyer.ts';

test('the channel is the token’s; without one the request’s, and the web where it says nothing', (t) => {
  const account = (channel: string) => ({ account: { kind: 'account' as const, account_id: '1', tenant: '', channel, device_id: '', session_id: '', roles: [], member_level: 0 } });
  const nobody = { account: undefined };
  const asks = { channel: Channel.PARTNER, passengerType: PassengerType.STUDENT };
  const knownBuyer = (...call: Parameters<typeof buyerOf>) => unwrap(buyerOf(...call));
  t.deepEqual(knownBuyer(asks, nobody), { channel: 'partner', passenger_type: 'student' });
  t.deepEqual(knownBuyer(asks, account('mini')), { channel: 'mini_program', passenger_type: 'student' });
  t.is(knownBuyer(asks, account('unheard of')).channel, 'web');
  t.deepEqual(knownBuyer({ channel: 0, passengerType: 0 }, nobody), { channel: 'web', passenger_type: 'adult' });
});

test('a type or channel of a newer contract is refused, not taken for an adult on the web', (t) => {
  const ask = (asks: { channel: Channel; passengerType: PassengerType }) => {
    const buyer = buyerOf(asks, { account: undefined });
    return buyer.ok ? 'ok' : `${buyer.error.reason} ${buyer.error.metadata?.['field']}`;
  };
  t.is(ask({ channel: 99 as Channel, passengerType: 0 }), 'FIELD_INVALID channel');
  t.is(ask({ channel: 0, passengerType: 99 as PassengerType }), 'FIELD_INVALID passenger_type');
});
