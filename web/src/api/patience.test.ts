import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import test from 'ava';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { patienceInterceptor } from './patience.ts';

test('[web] a call the limits refuse is repeated after the wait they ask for', async (t) => {
  const { call, waits, calls } = world(1, throttled('THROTTLED', 700));
  t.is(await call(), 'me');
  t.deepEqual(waits, [700]);
  t.is(calls(), 2);
});

test('[web] patience ends when all waits of a call would be longer than a person bears', async (t) => {
  const { call, waits, calls } = world(99, throttled('THROTTLED', 700));
  await t.throwsAsync(call);
  t.is(waits.reduce((sum, ms) => sum + ms, 0), 4_900);
  t.is(calls(), 8);
  const hasty = world(99, throttled('THROTTLED', 0));
  await t.throwsAsync(hasty.call);
  t.true(hasty.calls() <= 26, 'a wait of nothing is no wait');
});

test('[web] a long wait, another reason or no word of a wait are for the person to hear about', async (t) => {
  for (const refusal of [throttled('THROTTLED', 60_000), throttled('OVERLOADED', 700), throttled('THROTTLED'), new ConnectError('no', Code.Unavailable)]) {
    const { call, calls } = world(1, refusal);
    await t.throwsAsync(call);
    t.is(calls(), 1);
  }
});

function world(refusals: number, refusal: ConnectError) {
  const waits: number[] = [];
  let calls = 0;
  const pause = async (ms: number): Promise<void> => {
    waits.push(ms);
  };
  const transport = createRouterTransport(
    (router) =>
      router.service(IdentityService, {
        getAccount() {
          calls += 1;
          if (calls <= refusals) throw refusal;
          return { account: { loginName: 'me' } };
        },
      }),
    { transport: { interceptors: [patienceInterceptor(pause, () => 0)] } },
  );
  const identity = createClient(IdentityService, transport);
  return { waits, calls: () => calls, call: async () => (await identity.getAccount({})).account?.loginName };
}

function throttled(reason: string, retry_after_ms?: number): ConnectError {
  const wait = retry_after_ms === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(Math.floor(retry_after_ms / 1000)), nanos: (retry_after_ms % 1000) * 1e6 } } }];
  return new ConnectError('refused', Code.ResourceExhausted, undefined, [{ desc: ErrorInfoSchema, value: { reason } }, ...wait]);
}
