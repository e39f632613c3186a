import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import type { HandlerContext } from '@connectrpc/connect';
import test from 'ava';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { ManualClock } from '#kit/base/clock.ts';
import { tokenInterceptor } from './interceptors.ts';
import type { AccessToken, RefreshTokenStore } from './refresh_token_store.ts';
import { TokenKeeper } from './tokens.ts';
import type { Tokens } from './tokens.ts';
import { watch } from './watch.ts';

test('[web] however many calls find the token expired, it is renewed once', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.revokeAccess('TOKEN_EXPIRED');
  const answers = await Promise.all(Array.from({ length: 8 }, () => world.identity.getAccount({})));
  t.true(answers.every(({ account }) => account?.loginName === 'me'));
  t.is(world.refreshes(), 1);
  t.is(world.stored(), 'refresh-2', 'the new refresh token replaced the used one');
});

test('[web] a token that is about to expire is renewed before it is sent', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.clock.advance(15 * 60_000 - 10_000);
  await world.identity.getAccount({});
  t.is(world.refreshes(), 1);
  t.is(world.refused(), 0);
});

test('[web] a reload goes on with the tokens that are kept and renews nothing', async (t) => {
  const world = makeWorld();
  const { access_token, access_expire_ms, refresh_token } = world.issue();
  world.store.begin(refresh_token, { token: access_token, expire_ms: access_expire_ms }, false);
  t.is((await world.identity.getAccount({})).account?.loginName, 'me');
  t.is(world.refreshes(), 0);
});

test('[web] a renewal that another tab has made is not made again', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.revokeAccess('TOKEN_EXPIRED');
  const { access_token, access_expire_ms, refresh_token } = world.issue();
  world.store.replace(refresh_token, { token: access_token, expire_ms: access_expire_ms });
  t.is(await world.keeper.renew('access-1'), access_token);
  t.is(world.refreshes(), 0);
});

test('[web] a stream refused as expired is carried on by a call, which renews the token', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.revokeAccess('TOKEN_EXPIRED');
  const values = watch({
    async *open(signal) {
      for await (const { order } of world.order.watchOrder({ orderId: '7' }, { signal })) yield order?.orderId;
    },
    poll: async (signal) => (await world.order.getOrder({ orderId: '7' }, { signal })).order?.orderId,
    isFinal: (order_id) => order_id === '7',
    signal: new AbortController().signal,
  });
  t.deepEqual(await Array.fromAsync(values), ['7']);
  t.is(world.refreshes(), 1);
});

test('[web] a refused refresh token ends the session; a network that fails does not', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.revokeAccess('TOKEN_EXPIRED');
  world.failRefreshWith(new ConnectError('later', Code.Unavailable));
  await t.throwsAsync(() => world.identity.getAccount({}), { message: /later/ });
  t.true(world.keeper.signed_in);
  world.failRefreshWith(refusal('TOKEN_INVALID'));
  await t.throwsAsync(() => world.identity.getAccount({}));
  t.false(world.keeper.signed_in);
});

test('[web] an edge that refuses without a reason is asked again once, not for ever', async (t) => {
  const world = makeWorld();
  world.keeper.begin(world.issue(), false);
  world.revokeAccess(undefined, 'always');
  await t.throwsAsync(() => world.identity.getAccount({}), { message: /unauthenticated/ });
  t.is(world.refused(), 2);
});

test('[web] nothing is sent without a session', async (t) => {
  const world = makeWorld();
  await t.throwsAsync(() => world.identity.getAccount({}), { message: /sign in/ });
  t.is(world.refused(), 0);
});

/** Services that take one access token at a time, and a keeper before them. */
function makeWorld() {
  const clock = new ManualClock();
  let issued = 0;
  let refreshes = 0;
  let refused = 0;
  let good: string | undefined;
  let refusal_reason: string | undefined;
  let always_refuse = false;
  let refresh_error: ConnectError | undefined;
  const issue = (): Tokens => {
    issued += 1;
    good = `access-${issued}`;
    return { access_token: good, access_expire_ms: clock.now_ms() + 15 * 60_000, refresh_token: `refresh-${issued}` };
  };
  const store = memoryStore();
  const refresh = async (refresh_token: string): Promise<Tokens> => {
    // Others get the chance to ask meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    if (refresh_error !== undefined) throw refresh_error;
    if (refresh_token !== `refresh-${issued}`) throw refusal('SESSION_REVOKED');
    refreshes += 1;
    return issue();
  };
  const keeper = new TokenKeeper({ store, refresh, exclusively: (work) => work(), clock });
  const check = (context: HandlerContext): void => {
    if (!always_refuse && context.requestHeader.get('authorization') === `Bearer ${good}`) return;
    refused += 1;
    throw refusal(refusal_reason);
  };
  const transport = createRouterTransport(
    (router) => {
      router.service(IdentityService, {
        getAccount(_request, context) {
          check(context);
          return { account: { loginName: 'me' } };
        },
      });
      router.service(OrderService, {
        getOrder({ orderId }, context) {
          check(context);
          return { order: { orderId } };
        },
        async *watchOrder({ orderId }, context) {
          check(context);
          yield { order: { orderId } };
        },
      });
    },
    { transport: { interceptors: [tokenInterceptor(keeper)] } },
  );
  return {
    clock, keeper, store, issue,
    identity: createClient(IdentityService, transport),
    order: createClient(OrderService, transport),
    refreshes: () => refreshes,
    refused: () => refused,
    stored: () => store.read(),
    revokeAccess(reason: string | undefined, how: 'once' | 'always' = 'once') {
      good = undefined;
      refusal_reason = reason;
      always_refuse = how === 'always';
    },
    failRefreshWith(error: ConnectError) {
      refresh_error = error;
    },
  };
}

function refusal(reason: string | undefined): ConnectError {
  return new ConnectError('refused', Code.Unauthenticated, undefined, reason === undefined ? [] : [{ desc: ErrorInfoSchema, value: { reason } }]);
}

function memoryStore(): RefreshTokenStore {
  let kept: { refresh_token: string; access: AccessToken } | undefined;
  const keep = (refresh_token: string, access: AccessToken): void => {
    kept = { refresh_token, access };
  };
  return { read: () => kept?.refresh_token, readAccess: () => kept?.access, begin: keep, replace: keep, clear: () => (kept = undefined), onOtherTab: () => () => {} };
}
