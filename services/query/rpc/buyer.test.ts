import test from 'ava';
import { Channel, PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { buyerOf } from './buyer.ts';

test('the channel is the token’s; without one the request’s, and the web where it says nothing', (t) => {
  const account = (channel: string) => ({ account: { kind: 'account' as const, account_id: '1', tenant: '', channel, device_id: '', session_id: '', roles: [], member_level: 0 } });
  const nobody = { account: undefined };
  const asks = { channel: Channel.PARTNER, passengerType: PassengerType.STUDENT };
  t.deepEqual(buyerOf(asks, nobody), { channel: 'partner', passenger_type: 'student' });
  t.deepEqual(buyerOf(asks, account('mini')), { channel: 'mini_program', passenger_type: 'student' });
  t.is(buyerOf(asks, account('unheard of')).channel, 'web');
  t.deepEqual(buyerOf({ channel: 0, passengerType: 0 }, nobody), { channel: 'web', passenger_type: 'adult' });
});
